using System.Threading.RateLimiting;

namespace Chariot.Edge.Listeners;

/// <summary>
/// Bounds the TLS handshakes that compute at once: each costs some milliseconds of CPU, and a storm of them must not starve the
/// clients that are connected. Others wait in order of arrival, up to <paramref name="queueLimit"/>.
/// </summary>
/// <param name="concurrency">Handshakes that compute at once.</param>
/// <param name="queueLimit">Connections that may wait.</param>
internal sealed class HandshakeGate(int concurrency, int queueLimit) : IDisposable
{
    public const int DefaultQueueLimit = 2_000;

    private readonly ConcurrencyLimiter _limiter = new(new ConcurrencyLimiterOptions
    {
        PermitLimit = concurrency,
        QueueLimit = queueLimit,
        QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
    });

    public HandshakeGate()
        : this(DefaultConcurrency, DefaultQueueLimit)
    {
    }

    /// <summary>Eight per core, at least 16.</summary>
    public static int DefaultConcurrency => Math.Max(16, 8 * Environment.ProcessorCount);

    /// <summary>
    /// Waits for a place. Without <see cref="RateLimitLease.IsAcquired"/> the queue is full: close the connection. Dispose the lease
    /// when the handshake has ended, however it did.
    /// </summary>
    /// <exception cref="OperationCanceledException">The place in the queue has been given up.</exception>
    public ValueTask<RateLimitLease> EnterAsync(CancellationToken cancellationToken) => _limiter.AcquireAsync(1, cancellationToken);

    public void Dispose() => _limiter.Dispose();
}
