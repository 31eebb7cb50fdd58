using System.Collections.Concurrent;
using Chariot.Abstractions.Topics;
using Orleans.Runtime;

namespace Chariot.Edge.Sessions;

/// <summary>
/// How sessions came here from silos that died. Each silo that had kept messages for the dead ones sends those first, marked, and
/// then says that it has switched: until then its ordinary messages are not for these sessions, because it keeps them as well.
/// </summary>
internal sealed class Adoption
{
    private readonly ConcurrentDictionary<(SiloAddress Lost, SiloAddress? Origin), byte> _pending = new();
    private readonly ConcurrentDictionary<(long Session, long Message), byte> _taken = new();
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly HashSet<string> _lost;

    /// <param name="lost">The silos that held the sessions.</param>
    /// <param name="origins">Other silos that may keep messages for them; this one may, too.</param>
    public Adoption(IEnumerable<SiloAddress> lost, IEnumerable<SiloAddress> origins)
    {
        _lost = [.. lost.Select(silo => silo.ToParsableString())];
        foreach (var silo in lost)
        {
            _pending[(silo, null)] = 0;
            foreach (var origin in origins)
            {
                _pending[(silo, origin)] = 0;
            }
        }
    }

    /// <summary>Everybody has switched.</summary>
    public bool IsOver => _pending.IsEmpty;

    public Task WhenOverAsync() => _over.Task;

    public bool Takes(ClientSession session, PublishJob job)
    {
        var key = (session.SessionId, job.Message.Id);
        if (job.OnlyAdopted is { } lost)
        {
            return _lost.Contains(lost) && _taken.TryAdd(key, 0);
        }

        return job.Message.QualityOfService == QualityOfService.AtMostOnce || (!IsPending(job.Origin) && !_taken.ContainsKey(key));
    }

    /// <summary>Messages that the session has in the store already.</summary>
    public void AddStored(long sessionId, IEnumerable<long> messages)
    {
        foreach (var message in messages)
        {
            _taken.TryAdd((sessionId, message), 0);
        }
    }

    public void OnSwitched(SiloAddress lost, SiloAddress? origin)
    {
        _pending.TryRemove((lost, origin), out _);
        CheckOver();
    }

    public void OnLost(SiloAddress origin)
    {
        foreach (var key in _pending.Keys.Where(key => origin.Equals(key.Origin)))
        {
            _pending.TryRemove(key, out _);
        }

        CheckOver();
    }

    private bool IsPending(SiloAddress? origin) => !_pending.IsEmpty && _pending.Keys.Any(key => Equals(key.Origin, origin));

    private void CheckOver()
    {
        if (IsOver)
        {
            _over.TrySetResult();
        }
    }
}
