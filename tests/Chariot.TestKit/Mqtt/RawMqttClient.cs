using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Chariot.TestKit.Mqtt;

/// <summary>
/// An MQTT client without a mind of its own, on a socket or TLS: it sends the bytes it is given and reads when it is asked
/// to. Written apart from the product's codec, so that a codec's error is not hidden by its mirror image.
/// One reader at a time; any number of senders.
/// </summary>
public sealed partial class RawMqttClient : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Socket _socket;
    private readonly Stream _stream;
    private readonly SemaphoreSlim _sendGate = new(1, 1);
    private readonly Queue<ReceivedPacket> _setAside = new();
    private byte[] _buffer = new byte[64 * 1024];
    private int _start;
    private int _end;
    private int _lastPacketId;

    private RawMqttClient(Socket socket, Stream stream, MqttVersion version)
    {
        _socket = socket;
        _stream = stream;
        Version = version;
    }

    public MqttVersion Version { get; }

    /// <summary>Whether PUBLISH and PUBREL are answered as they are read. Off: the test answers, or does not.</summary>
    public bool AutoAcknowledge { get; set; } = true;

    /// <summary>Null until TLS is up.</summary>
    public X509Certificate2? ServerCertificate { get; private init; }

    /// <summary>
    /// Connects the socket, and TLS when <paramref name="trustedRoot"/> is given, with <paramref name="identity"/> as client
    /// certificate; sends no packet.
    /// </summary>
    public static async Task<RawMqttClient> DialAsync(int port, MqttVersion version = MqttVersion.V500, X509Certificate2? trustedRoot = null, SslStreamCertificateContext? identity = null)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            using var deadline = new CancellationTokenSource(Patience);
            await socket.ConnectAsync(IPAddress.Loopback, port, deadline.Token);
            Stream stream = new NetworkStream(socket, ownsSocket: true);
            if (trustedRoot is null)
            {
                return new RawMqttClient(socket, stream, version);
            }

            var tls = new SslStream(stream);
            var options = new SslClientAuthenticationOptions
            {
                TargetHost = "localhost",
                ClientCertificateContext = identity,
                CertificateChainPolicy = new X509ChainPolicy
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    CustomTrustStore = { trustedRoot },
                    RevocationMode = X509RevocationMode.NoCheck,
                    DisableCertificateDownloads = true,
                },
            };
            await tls.AuthenticateAsClientAsync(options, deadline.Token);
            return new RawMqttClient(socket, tls, version) { ServerCertificate = tls.RemoteCertificate as X509Certificate2 };
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Dials, sends <paramref name="connect"/> and reads the answer, whatever it is.</summary>
    public static async Task<(RawMqttClient Client, ReceivedPacket? Answer)> TryConnectAsync(int port, ConnectPacket connect, X509Certificate2? trustedRoot = null, SslStreamCertificateContext? identity = null)
    {
        var client = await DialAsync(port, connect.Version, trustedRoot, identity);
        try
        {
            await client.SendAsync(connect.Encode());
            return (client, await client.ReadAsync());
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }
    }

    /// <summary>Dials and connects; throws unless CONNACK says success.</summary>
    public static async Task<RawMqttClient> ConnectAsync(int port, ConnectPacket connect, X509Certificate2? trustedRoot = null, SslStreamCertificateContext? identity = null)
    {
        var (client, answer) = await TryConnectAsync(port, connect, trustedRoot, identity);
        if (answer is { Type: PacketType.ConnAck, Reason: 0 })
        {
            client.ConnAck = answer;
            return client;
        }

        await client.DisposeAsync();
        throw new MqttTestException($"CONNECT of '{connect.ClientId}' was answered by {answer?.ToString() ?? "a closed connection"}");
    }

    /// <summary>The CONNACK that <see cref="ConnectAsync"/> met.</summary>
    public ReceivedPacket? ConnAck { get; private set; }

    public int NextPacketId() => _lastPacketId = _lastPacketId == 65535 ? 1 : _lastPacketId + 1;

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        await _sendGate.WaitAsync();
        try
        {
            await _stream.WriteAsync(bytes);
        }
        finally
        {
            _sendGate.Release();
        }
    }

    /// <summary>The next packet, or null when the peer has closed. Throws <see cref="TimeoutException"/>.</summary>
    public async Task<ReceivedPacket?> ReadAsync(TimeSpan? timeout = null)
    {
        if (_setAside.TryDequeue(out var earlier))
        {
            return earlier;
        }

        return await ReceiveAsync(timeout ?? Patience);
    }

    /// <summary>
    /// The next packet of <paramref name="type"/>; others that come first are set aside for later reads. Throws when the peer
    /// closes or says DISCONNECT first.
    /// </summary>
    public async Task<ReceivedPacket> WaitForAsync(PacketType type, TimeSpan? timeout = null)
    {
        for (var i = _setAside.Count; i > 0; i--)
        {
            var earlier = _setAside.Dequeue();
            if (earlier.Type == type)
            {
                for (i--; i > 0; i--)
                {
                    _setAside.Enqueue(_setAside.Dequeue());
                }

                return earlier;
            }

            _setAside.Enqueue(earlier);
        }

        var deadline = Deadline.After(timeout ?? Patience);
        while (true)
        {
            var packet = await ReceiveAsync(deadline.Remaining) ?? throw new MqttTestException($"closed while waiting for {type}");
            if (packet.Type == type)
            {
                return packet;
            }

            if (packet.Type == PacketType.Disconnect)
            {
                throw new MqttTestException($"{packet} while waiting for {type}");
            }

            SetAside(packet);
        }
    }

    /// <summary>Subscribes to one filter and returns its reason code.</summary>
    public async Task<int> SubscribeAsync(string filter, int options = 0)
    {
        await SendAsync(Packets.Subscribe(Version, NextPacketId(), (filter, options)));
        var answer = await WaitForAsync(PacketType.SubAck);
        return answer.Reasons.Single();
    }

    public async Task<ReceivedPacket> UnsubscribeAsync(params string[] filters)
    {
        await SendAsync(Packets.Unsubscribe(Version, NextPacketId(), filters));
        return await WaitForAsync(PacketType.UnsubAck);
    }

    /// <summary>Publishes and, above QoS 0, waits for the end of the exchange. Returns PUBACK's or PUBREC's reason code.</summary>
    public async Task<int> PublishAsync(string topic, string payload, int qos = 0, bool retain = false)
    {
        var id = qos == 0 ? 0 : NextPacketId();
        await SendAsync(Packets.Publish(Version, topic, payload, qos, id, retain));
        if (qos == 0)
        {
            return 0;
        }

        var answer = await WaitForAsync(qos == 1 ? PacketType.PubAck : PacketType.PubRec);
        if (qos == 2 && answer.Reason < 0x80)
        {
            await SendAsync(Packets.Acknowledge(PacketType.PubRel, id));
            await WaitForAsync(PacketType.PubComp);
        }

        return answer.Reason;
    }

    /// <summary>The next PUBLISH; PUBREL and acknowledgements that come between are handled or set aside.</summary>
    public Task<ReceivedPacket> ReadPublishAsync(TimeSpan? timeout = null) => WaitForAsync(PacketType.Publish, timeout);

    /// <summary>
    /// Everything that the broker had sent up to now: PINGREQ is answered behind it. Returns the PUBLISHes among it, in order.
    /// </summary>
    public async Task<IReadOnlyList<ReceivedPacket>> DrainPublishesAsync()
    {
        await SendAsync(Packets.PingReq);
        List<ReceivedPacket> publishes = [];
        var pending = _setAside.ToArray();
        _setAside.Clear();
        foreach (var packet in pending)
        {
            Sort(packet);
        }

        var deadline = Deadline.After(Patience);
        while (true)
        {
            var packet = await ReceiveAsync(deadline.Remaining) ?? throw new MqttTestException("closed while waiting for PINGRESP");
            if (packet.Type == PacketType.PingResp)
            {
                return publishes;
            }

            Sort(packet);
        }

        void Sort(ReceivedPacket packet)
        {
            if (packet.Type == PacketType.Publish)
            {
                publishes.Add(packet);
            }
            else
            {
                SetAside(packet);
            }
        }
    }

    /// <summary>
    /// Reads until the peer has closed and returns the last packet before that, or null when there was none. Throws
    /// <see cref="TimeoutException"/> when it stays open.
    /// </summary>
    public async Task<ReceivedPacket?> ReadToCloseAsync(TimeSpan? timeout = null)
    {
        ReceivedPacket? last = null;
        var deadline = Deadline.After(timeout ?? Patience);
        while (true)
        {
            var packet = _setAside.TryDequeue(out var earlier) ? earlier : await ReceiveAsync(deadline.Remaining);
            if (packet is null)
            {
                return last;
            }

            last = packet;
        }
    }

    public async Task DisconnectAsync(int reason = 0, uint? sessionExpiry = null)
    {
        await SendAsync(Packets.Disconnect(Version, reason, sessionExpiry));
        await ReadToCloseAsync();
        await DisposeAsync();
    }

    /// <summary>Ends the connection without DISCONNECT, with a TCP reset.</summary>
    public void Abort()
    {
        _socket.LingerState = new LingerOption(true, 0);
        _socket.Close(0);
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        _socket.Dispose();
    }
}
