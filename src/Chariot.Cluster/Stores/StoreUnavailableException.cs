namespace Chariot.Cluster.Stores;

/// <summary>The store cannot be opened; the message says why and what to do.</summary>
public sealed class StoreUnavailableException(string message, Exception? innerException = null) : IOException(message, innerException)
{
    /// <summary>It did not answer in time: a later try may find it, without anybody's hand.</summary>
    public bool IsUnreachable { get; init; }
}
