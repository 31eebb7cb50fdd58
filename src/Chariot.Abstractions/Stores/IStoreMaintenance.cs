namespace Chariot.Abstractions.Stores;

/// <summary>What the store does on request rather than per message.</summary>
public interface IStoreMaintenance
{
    /// <summary>Works submitted and not yet committed or failed: what back-pressure and metrics look at.</summary>
    int PendingWorks { get; }

    /// <summary>A number that each start of a process gets from a store that several share, rising; 0 in a store of one node.</summary>
    long ProcessStart => 0;

    /// <summary>
    /// Makes sure that nothing deleted or overwritten before the call remains in the store's files: completes when no byte
    /// of it is left in the data file, the write-ahead log or its index. Clear what must go, then call this. Throws
    /// <see cref="IOException"/> when another process keeps the files in use for 10 s or the disk is full; calling again
    /// is safe, and an erase that a crash cut short is finished at the next start.
    /// </summary>
    Task EraseAsync(EraseScope scope = EraseScope.GrainState, CancellationToken cancellationToken = default);

    /// <summary>
    /// Walks the audit log's hash chain. Null when it is whole, otherwise the id of the first entry that is altered, out of
    /// its place or missing.
    /// </summary>
    Task<long?> VerifyAuditAsync(CancellationToken cancellationToken = default);
}

/// <summary>How much an erase covers, and so how long it holds up the writer.</summary>
public enum EraseScope
{
    /// <summary>Everything but messages: takes as long as copying all grain state.</summary>
    GrainState = 0,

    /// <summary>Messages too: takes as long as copying the whole store, and needs that much free space.</summary>
    Everything = 1,
}
