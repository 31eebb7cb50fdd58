using System.Collections.Immutable;

namespace Chariot.Abstractions.Stores;

/// <summary>Append-only record of who changed what. Entries never hold a secret.</summary>
public interface IAuditLog
{
    /// <summary>Completes when committed; a failure must fail the change it records.</summary>
    Task AppendAsync(AuditEntry entry, CancellationToken cancellationToken = default);

    /// <summary>Newest first, ids below <paramref name="before"/> when given.</summary>
    Task<IReadOnlyList<AuditEntry>> ReadAsync(long? before, int limit, CancellationToken cancellationToken = default);
}

/// <param name="Id">Given by the log; 0 on append.</param>
/// <param name="Detail">Before and after, as JSON without secrets.</param>
public sealed record AuditEntry(long Id, DateTimeOffset At, string Actor, string Address, string Action, string Target, string Outcome, string Detail);
