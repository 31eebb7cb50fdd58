using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Chariot.Edge.Listeners;

/// <summary>
/// Accepts TCP connections on one endpoint, plain or for TLS. Binding and listening are two steps, so that a port can be had
/// before it is opened; bound but not started, it refuses connections. Used once: to open again, bind again.
/// </summary>
internal sealed partial class MqttListener : IDisposable
{
    private const int Backlog = 4096;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private readonly Socket _socket;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stopped = new();
    private readonly Lock _gate = new();
    private CancellationTokenSource _paused = new();
    private TaskCompletionSource _resumed = CreateResumed();
    private bool _started;
    private bool _stopping;

    private MqttListener(Socket socket, ILogger logger, TimeProvider time)
    {
        _socket = socket;
        _logger = logger;
        _time = time;
        EndPoint = (IPEndPoint)socket.LocalEndPoint!;
        Accept = cancellation => socket.AcceptAsync(cancellation);
        _resumed.SetResult();
    }

    /// <summary>The endpoint that is bound, with its actual port when 0 was asked for.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>Completes when the accept loop has ended; at once when there was none.</summary>
    public Task Completion { get; private set; } = Task.CompletedTask;

    /// <summary>Takes the next connection; tests let it fail.</summary>
    internal Func<CancellationToken, ValueTask<Socket>> Accept { get; set; }

    /// <summary>Asked for each accepted connection: how long it, and with it all behind it, has to wait.</summary>
    internal Func<TimeSpan>? Pace { get; set; }

    /// <summary>Binds without listening.</summary>
    /// <exception cref="SocketException">The endpoint is taken by a listener, is not an address of this machine, or is not permitted.</exception>
    public static MqttListener Bind(IPEndPoint endPoint, ILogger logger, TimeProvider? time = null)
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // .NET sets SO_REUSEADDR on Unix by itself: the port can be had again while closed connections linger in TIME_WAIT.
            // ReuseAddress would add SO_REUSEPORT, with which a second broker could share the port unnoticed.
            if (endPoint.Address.Equals(IPAddress.IPv6Any))
            {
                socket.DualMode = true;
            }

            socket.Bind(endPoint);
            return new MqttListener(socket, logger, time ?? TimeProvider.System);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Listens, and hands each connection to <paramref name="onAccepted"/>, which owns it from then on and must return at once: the
    /// next one is accepted after it.
    /// </summary>
    /// <exception cref="SocketException">Another process, bound at the same time, was first to listen. The listener is stopped.</exception>
    public void Start(Action<Socket> onAccepted)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_stopping, this);
            if (_started)
            {
                throw new InvalidOperationException("The listener has been started before.");
            }

            _started = true;
            try
            {
                _socket.Listen(Backlog);
            }
            catch (SocketException)
            {
                _stopping = true;
                _socket.Dispose();
                throw;
            }

            Completion = Task.Run(() => AcceptAllAsync(onAccepted));
        }
    }

    /// <summary>
    /// Stops accepting; clients that connect wait in the backlog. A connection that was accepted at the same moment is still
    /// handed over.
    /// </summary>
    public void Pause()
    {
        lock (_gate)
        {
            if (_stopping || !_resumed.Task.IsCompleted)
            {
                return;
            }

            _resumed = CreateResumed();
            _paused.Cancel();
        }
    }

    /// <summary>Undoes <see cref="Pause"/>.</summary>
    public void Resume()
    {
        lock (_gate)
        {
            if (_stopping || _resumed.Task.IsCompleted)
            {
                return;
            }

            _paused.Dispose();
            _paused = new CancellationTokenSource();
            _resumed.SetResult();
        }
    }

    /// <summary>
    /// Closes the port: when it returns, connections are refused, those in the backlog included, and the port can be bound again.
    /// Accepted connections go on. Nothing is handed over after <see cref="Completion"/>.
    /// </summary>
    public void Stop()
    {
        lock (_gate)
        {
            if (_stopping)
            {
                return;
            }

            _stopping = true;
            _stopped.Cancel();
            _paused.Cancel();
            _socket.Dispose();
            _resumed.TrySetResult();
        }
    }

    /// <summary>Same as <see cref="Stop"/>.</summary>
    public void Dispose() => Stop();

    private static TaskCompletionSource CreateResumed() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task AcceptAllAsync(Action<Socket> onAccepted)
    {
        var pause = TimeSpan.Zero;
        while (await WaitForResumeAsync() is { } paused)
        {
            Socket connection;
            try
            {
                connection = await Accept(paused);
            }
            catch (OperationCanceledException)
            {
                continue;
            }
            catch (Exception) when (_stopped.IsCancellationRequested)
            {
                return;
            }
            catch (SocketException exception) when (exception.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted)
            {
                LogClientGone(EndPoint, exception.SocketErrorCode);
                continue;
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                // Out of file descriptors or buffers: clients wait in the backlog until some are free again.
                if (pause == TimeSpan.Zero)
                {
                    LogAcceptFailed(EndPoint, exception.Message);
                }

                pause = pause == TimeSpan.Zero ? FirstPause : TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, LongestPause.Ticks));
                await Task.Delay(pause, _time, _stopped.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                continue;
            }

            if (pause > TimeSpan.Zero)
            {
                LogAcceptsAgain(EndPoint);
                pause = TimeSpan.Zero;
            }

            if (Pace?.Invoke() is { Ticks: > 0 } wait)
            {
                await Task.Delay(wait, _time, _stopped.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            if (_stopped.IsCancellationRequested)
            {
                connection.Dispose();
                return;
            }

            HandOver(connection, onAccepted);
        }
    }

    /// <summary>Waits while paused; then the token that the next pause cancels, or null when stopped.</summary>
    private async ValueTask<CancellationToken?> WaitForResumeAsync()
    {
        while (true)
        {
            Task resumed;
            lock (_gate)
            {
                if (_stopping)
                {
                    return null;
                }

                resumed = _resumed.Task;
                if (resumed.IsCompleted)
                {
                    return _paused.Token;
                }
            }

            await resumed;
        }
    }

    private void HandOver(Socket connection, Action<Socket> onAccepted)
    {
        try
        {
            connection.NoDelay = true;
            onAccepted(connection);
        }
        catch (SocketException exception)
        {
            // The client was gone before its options could be set.
            LogClientGone(EndPoint, exception.SocketErrorCode);
            connection.Dispose();
        }
        catch (Exception exception)
        {
            LogHandOverFailed(EndPoint, exception);
            connection.Dispose();
        }
    }
}
