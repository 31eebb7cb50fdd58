namespace Chariot.Abstractions.Configuration;

/// <summary>Whether this process holds a certificate back, because its store may be an old copy (docs/adr/0015).</summary>
public interface ISslFence
{
    /// <summary>Why the certificate that is set up is not served, in one sentence; null while nothing is held back.</summary>
    string? HeldBack { get; }

    /// <summary>The highest <see cref="BrokerConfiguration.SslRevision"/> that this process has a record of; 0 for none.</summary>
    long Seen { get; }
}
