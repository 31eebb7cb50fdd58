using System.Net.Sockets;
using Chariot.Abstractions;
using Chariot.Abstractions.Access;
using Chariot.Edge.Authentication;
using Chariot.Edge.Codec;
using Chariot.Edge.Diagnostics;
using Chariot.Edge.Packets;
using Chariot.Edge.Sessions;
using Chariot.Edge.Transports;

namespace Chariot.Edge.Connections;

/// <summary>
/// One socket of one client, from accept to close. The read loop parses everything that has arrived in place, hands each
/// packet to its handler, and flushes each connection it wrote to once. What must wait (a grain, a password) is awaited
/// between batches, with the packets behind it left in the buffer.
/// </summary>
internal sealed partial class MqttConnection
{
    private const int InitialBuffer = 2048;
    private const int MaximumReadAhead = 64 * 1024;

    /// <summary>Receives in a row that used less than an eighth of the buffer, after which it shrinks.</summary>
    private const int SparseReceives = 32;

    /// <summary>Receives that completed at once in a row, after which other connections of this thread get their turn.</summary>
    private const int FairShare = 32;

    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(2);

    private readonly PacketDispatcher _dispatcher;
    private readonly EdgeMetrics _metrics;
    private readonly EdgeLog _log;
    private readonly BatchMarker _batch = new();
    private byte[] _buffer = BufferPool.Rent(InitialBuffer);
    private int _start;
    private int _end;
    private int _sparse;
    private int _closing;

    public MqttConnection(ITransport transport, PacketDispatcher dispatcher, EdgeMetrics metrics, EdgeLog log, int maximumBytes, int maximumMessages)
    {
        Transport = transport;
        _dispatcher = dispatcher;
        _metrics = metrics;
        _log = log;
        Outbound = new OutboundBuffer(transport, maximumBytes, maximumMessages, OnSendFailed);
    }

    public ITransport Transport { get; }

    public OutboundBuffer Outbound { get; }

    public long BytesReceived { get; private set; }

    public TopicCache Topics { get; } = new();

    /// <summary>Known after CONNECT.</summary>
    public ProtocolVersion Version { get; set; } = ProtocolVersion.V311;

    /// <summary>Null until CONNECT has been accepted.</summary>
    public ClientSession? Session { get; set; }

    public Principal Principal { get; set; }

    /// <summary>Verifier that the client's password was checked against; a change of it ends the connection.</summary>
    public string? Verifier { get; set; }

    /// <summary>User name under which it counts among the connections of a credential; null for none.</summary>
    public string? CountedFor { get; set; }

    /// <summary>Null for a client that named no authentication method at CONNECT.</summary>
    public EnhancedAuthentication? Authentication { get; set; }

    /// <summary>Largest packet the client takes, bytes.</summary>
    public long MaximumPacketSize { get; set; } = long.MaxValue;

    /// <summary>Largest packet taken from the client, bytes.</summary>
    public int MaximumInboundPacketSize { get; set; }

    /// <summary>Whether reason strings may go into packets other than CONNACK and DISCONNECT [MQTT-3.1.2-29].</summary>
    public bool WantsProblemInformation { get; set; } = true;

    public ushort ReceiveMaximumOfServer { get; set; } = 128;

    /// <summary>Inbound topic aliases; index is the alias.</summary>
    public byte[]?[] Aliases { get; set; } = [];

    /// <summary>Milliseconds without a packet after which the connection ends; 0 for never (1.5 x Keep Alive).</summary>
    public long KeepAliveMilliseconds { get; set; }

    public DateTimeOffset ConnectedAt { get; set; }

    public long AcceptedAt { get; } = Environment.TickCount64;

    public long LastReceived { get; private set; } = Environment.TickCount64;

    /// <summary>Publish the will when the connection ends; cleared by a normal DISCONNECT.</summary>
    public bool PublishesWill { get; set; } = true;

    /// <summary>Why the server ends it, for the log; null when the client or the network did.</summary>
    public ReasonCode? CloseReason { get; private set; }

    /// <summary>When <see cref="Close"/> began, milliseconds; 0 before. A client that does not close its side is cut off 2 s later.</summary>
    public long ClosingSince { get; private set; }

    /// <summary>The client has sent DISCONNECT.</summary>
    public bool EndedByClient { get; private set; }

    /// <summary>For the barrier of configuration changes.</summary>
    public BatchMarker Batch => _batch;

    /// <summary>Reads until the connection ends; never throws.</summary>
    public async Task RunAsync()
    {
        try
        {
            await ReadAsync();
        }
        catch (Exception error) when (error is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
        {
            _log.ConnectionLost(error, Transport.RemoteAddress);
        }
        catch (Exception error)
        {
            // The one catch-all of a connection: a defect here must not take other clients with it.
            _log.ConnectionFailed(error, Transport.RemoteAddress);
        }
        finally
        {
            await EndAsync();
        }
    }

    /// <summary>
    /// Ends the connection: 5.0 clients that are connected get DISCONNECT with <paramref name="reason"/>; what is in the
    /// outbound buffer still goes out.
    /// </summary>
    public void Close(ReasonCode reason) => Close(reason, null);

    /// <param name="serverReference">Other servers, for 0x9C and 0x9D.</param>
    public void Close(ReasonCode reason, string? serverReference)
    {
        if (Interlocked.Exchange(ref _closing, 1) != 0)
        {
            return;
        }

        CloseReason = reason;
        ClosingSince = Environment.TickCount64;
        if (Version == ProtocolVersion.V500 && Session is not null)
        {
            SendDisconnect(reason, serverReference);
        }

        Outbound.CloseWhenSent();
    }

    /// <summary>The client has said DISCONNECT: nothing more of it is read, what waits for it is still sent.</summary>
    public void EndByClient()
    {
        if (Interlocked.Exchange(ref _closing, 1) == 0)
        {
            ClosingSince = Environment.TickCount64;
            EndedByClient = true;
            Outbound.CloseWhenSent();
        }
    }

    /// <summary>Ends the connection without another byte.</summary>
    public void Abort()
    {
        Interlocked.Exchange(ref _closing, 1);
        Outbound.Close();
        Transport.Abort();
        Interlocked.Exchange(ref _resume, null)?.TrySetResult();
        ResumeReading();
    }

    private async Task ReadAsync()
    {
        var inARow = 0;
        while (true)
        {
            var receive = Transport.ReceiveAsync(_buffer.AsMemory(_end));
            inARow = receive.IsCompleted ? inARow + 1 : 0;
            var received = await receive;
            if (received == 0)
            {
                return;
            }

            _end += received;
            BytesReceived += received;
            LastReceived = Environment.TickCount64;
            while (true)
            {
                if (!_dispatcher.Lease.IsHeld)
                {
                    await _dispatcher.Lease.WaitAsync();
                }

                var next = ProcessBatch(out var control);
                if (next == BatchEnd.Close)
                {
                    return;
                }

                if (next == BatchEnd.NeedsMore)
                {
                    break;
                }

                if (!await _dispatcher.HandleAsync(this, control!))
                {
                    return;
                }
            }

            MakeRoom();
            if (!await MayReadOnAsync(received))
            {
                return;
            }

            if (inARow >= FairShare)
            {
                inARow = 0;
                await Task.Yield();
            }
        }
    }

    private BatchEnd ProcessBatch(out object? control)
    {
        var batch = FlushBatch.Current;
        _batch.Enter();
        try
        {
            if (Volatile.Read(ref _closing) != 0)
            {
                // Closed from outside (takeover, withdrawn right): what is still in the buffer must not be handled.
                control = null;
                return BatchEnd.Close;
            }

            return _dispatcher.Process(this, _buffer, ref _start, _end, batch, out control);
        }
        finally
        {
            _published += batch.Received;
            batch.Flush(_metrics);
            _batch.Leave();
        }
    }

    private void MakeRoom()
    {
        if (_start == _end)
        {
            // Everything was read: a buffer that was filled to the brim may be larger next time.
            var size = _end == _buffer.Length && _buffer.Length < MaximumReadAhead ? _buffer.Length * 4 : SizeAfter(_end);
            if (size != _buffer.Length)
            {
                BufferPool.Return(_buffer);
                _buffer = BufferPool.Rent(size);
            }

            _start = _end = 0;
            return;
        }

        // Grows with what has really arrived, never to a declared length.
        if (_start == 0 && _end == _buffer.Length)
        {
            var larger = BufferPool.Rent(_buffer.Length * 2);
            _buffer.AsSpan(0, _end).CopyTo(larger);
            BufferPool.Return(_buffer);
            _buffer = larger;
        }
        else if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
            if (_end > _buffer.Length / 2 && _buffer.Length < MaximumReadAhead)
            {
                var larger = BufferPool.Rent(_buffer.Length * 4);
                _buffer.AsSpan(0, _end).CopyTo(larger);
                BufferPool.Return(_buffer);
                _buffer = larger;
            }
        }
    }

    /// <summary>
    /// A large packet's buffer goes with it; what is larger than a client's packets need goes after a while, so that thousands of
    /// clients that were busy once do not hold what they needed then.
    /// </summary>
    private int SizeAfter(int used)
    {
        if (_buffer.Length > MaximumReadAhead)
        {
            return MaximumReadAhead;
        }

        _sparse = used <= _buffer.Length / 8 ? _sparse + 1 : 0;
        if (_sparse < SparseReceives || _buffer.Length <= InitialBuffer)
        {
            return _buffer.Length;
        }

        _sparse = 0;
        return Math.Max(InitialBuffer, _buffer.Length / 4);
    }

    private void OnSendFailed(Exception error)
    {
        _log.SendFailed(error, Transport.RemoteAddress);
        // Ends the read loop, which does the rest.
        Transport.Abort();
    }

    private async Task EndAsync()
    {
        var graceful = Interlocked.Exchange(ref _closing, 1) != 0 && ClosingSince != 0;
        if (!graceful)
        {
            Outbound.Close();
            Transport.Abort();
        }

        try
        {
            await _dispatcher.OnClosedAsync(this);
        }
        catch (Exception error)
        {
            _log.CloseFailed(error, Session?.ClientId ?? Transport.RemoteAddress);
        }

        if (graceful)
        {
            await DrainAsync();
        }

        Interlocked.Exchange(ref _resume, null)?.TrySetResult();
        _metrics.AddConnectionBytes(BytesReceived, Outbound.BytesSent);
        BufferPool.Return(_buffer);
        _buffer = [];
    }

    /// <summary>
    /// Reads and forgets what the client still sends until it closes: closing a socket with unread bytes resets the connection,
    /// and the client would never see our last packet. A client that goes on is cut off: the sweep knows this connection no more.
    /// </summary>
    private async Task DrainAsync()
    {
        await using var cut = new Timer(static transport => ((ITransport)transport!).Abort(), Transport, DrainTime, Timeout.InfiniteTimeSpan);
        try
        {
            while (await Transport.ReceiveAsync(_buffer) > 0)
            {
            }
        }
        catch (Exception error) when (error is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
        {
            _log.ConnectionLost(error, Transport.RemoteAddress);
        }

        Outbound.Close();
        Transport.Abort();
    }
}
