namespace Chariot.Abstractions.Stores;

/// <summary>Upkeep of the embedded or external store.</summary>
public interface IStoreMaintenance
{
    /// <summary>
    /// Makes what was deleted or overwritten unreadable in the store's files: free pages, write-ahead logs. Completes when
    /// done; fails when it cannot promise it.
    /// </summary>
    Task EraseAsync();
}
