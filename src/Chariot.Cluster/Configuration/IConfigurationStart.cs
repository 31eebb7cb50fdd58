using Chariot.Abstractions.Configuration;

namespace Chariot.Cluster.Configuration;

/// <summary>Called once by the server's start-up, after Orleans has started and before any listener may accept a client.</summary>
public interface IConfigurationStart
{
    /// <summary>
    /// Learns the committed configuration, applies it to every <see cref="IConfigurationConsumer"/>, and keeps it up to date
    /// from then on. Tries until the configuration can be read: a process that cannot learn it must not accept clients.
    /// <see cref="NodeResult.Error"/> says what of it could not be applied.
    /// </summary>
    Task<NodeResult> StartAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Reads what is committed and acts on it now: for a process that gets no pushes, before it answers for a change.
    /// </summary>
    Task RefreshAsync(CancellationToken cancellationToken);
}
