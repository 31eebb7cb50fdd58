using Chariot.Abstractions.Stores;

namespace Chariot.Cluster.Stores;

/// <summary>Where <see cref="GroupCommitWriter"/> commits to; used by its thread only, one group at a time.</summary>
internal interface IGroupTarget : IDisposable
{
    /// <summary>Message bytes applied since <see cref="Begin"/>, to end a group before it grows large.</summary>
    long BytesWritten { get; }

    void Begin();

    /// <summary>Applies one work to the group begun, or one that <see cref="RunsAlone"/> to the store itself. Throws what is wrong with it.</summary>
    void Apply(StoreWork work);

    /// <summary>Commits the group, and ends it on failure too.</summary>
    void Commit();

    /// <summary>Ends the group without a trace.</summary>
    void Rollback();

    /// <summary>After <see cref="Commit"/>: why the work applied as the <paramref name="index"/>th was left out; null when it was committed.</summary>
    Exception? RefusalOf(int index);

    /// <summary>Whether the work is not for a transaction: it is applied between two groups.</summary>
    bool RunsAlone(StoreWork work);

    /// <summary>What to do about an exception of <see cref="Begin"/> or <see cref="Commit"/>.</summary>
    GroupFailure Judge(Exception error);

    /// <summary>Whether the store, and not the work, is at fault: what is logged as its ill health.</summary>
    bool IsRefusal(Exception error);
}

internal enum GroupFailure
{
    /// <summary>The store refuses (disk full): every work of the group fails.</summary>
    Refused,

    /// <summary>The store cannot be reached: the group waits and is tried again.</summary>
    Unreachable,

    /// <summary>Another writer was in the way: the group is tried again at once.</summary>
    Conflict,

    /// <summary>One of the works is bad: they are committed one by one, and the bad one fails alone.</summary>
    OneWork,
}
