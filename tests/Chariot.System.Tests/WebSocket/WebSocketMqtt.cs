using System.Net.Security;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.WebSocket;

/// <summary>
/// MQTT over the runtime's WebSocket client, frame by frame as the test wants it. Follows packets and frames apart from each
/// other, as [MQTT-6.0.0-2] asks.
/// </summary>
internal sealed class WebSocketMqtt : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly ClientWebSocket _socket = new();
    private readonly List<byte> _received = [];

    public ClientWebSocket Socket => _socket;

    /// <summary>Status and reason of the broker's Close frame; known after <see cref="ReadAsync"/> has returned null.</summary>
    public WebSocketCloseStatus? CloseStatus => _socket.CloseStatus;

    public X509Certificate? ServerCertificate { get; private set; }

    public static async Task<WebSocketMqtt> DialAsync(int port, string path = "/mqtt", string? protocol = "mqtt", X509Certificate2? trustedRoot = null, Action<ClientWebSocketOptions>? configure = null)
    {
        var client = new WebSocketMqtt();
        try
        {
            var options = client._socket.Options;
            options.KeepAliveInterval = TimeSpan.Zero;
            options.CollectHttpResponseDetails = true;
            if (protocol is not null)
            {
                options.AddSubProtocol(protocol);
            }

            if (trustedRoot is not null)
            {
                options.RemoteCertificateValidationCallback = (_, certificate, chain, errors) => client.Verify(certificate, chain, trustedRoot, errors);
            }

            configure?.Invoke(options);
            using var deadline = new CancellationTokenSource(Patience);
            await client._socket.ConnectAsync(new Uri($"{(trustedRoot is null ? "ws" : "wss")}://localhost:{port}{path}"), deadline.Token);
            return client;
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>Dials and sends CONNECT; throws unless CONNACK says success.</summary>
    public static async Task<WebSocketMqtt> ConnectAsync(int port, string clientId, X509Certificate2? trustedRoot = null)
    {
        var client = await DialAsync(port, trustedRoot: trustedRoot);
        await client.SendAsync(new ConnectPacket { ClientId = clientId }.Encode());
        var answer = await client.ReadAsync();
        Assert.True(answer is { Type: PacketType.ConnAck, Reason: 0 }, $"{answer}");
        return client;
    }

    /// <summary>One message.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> bytes, WebSocketMessageType type = WebSocketMessageType.Binary, bool endOfMessage = true)
    {
        using var deadline = new CancellationTokenSource(Patience);
        await _socket.SendAsync(bytes, type, endOfMessage, deadline.Token);
    }

    public async Task SubscribeAsync(string filter, int options = 0)
    {
        await SendAsync(Packets.Subscribe(MqttVersion.V500, 1, (filter, options)));
        var answer = await ReadAsync();
        Assert.True(answer is { Type: PacketType.SubAck } && answer.Reasons.Single() < 0x80, $"{answer}");
    }

    /// <summary>The next packet; null when the broker has sent Close.</summary>
    public async Task<ReceivedPacket?> ReadAsync()
    {
        using var deadline = new CancellationTokenSource(Patience);
        var buffer = new byte[16 * 1024];
        ReceivedPacket? packet;
        while ((packet = Take()) is null)
        {
            var result = await _socket.ReceiveAsync(buffer.AsMemory(), deadline.Token);
            if (result.MessageType == WebSocketMessageType.Close)
            {
                return null;
            }

            Assert.Equal(WebSocketMessageType.Binary, result.MessageType);
            _received.AddRange(buffer.AsSpan(0, result.Count));
        }

        return packet;
    }

    public void Dispose() => _socket.Dispose();

    private bool Verify(X509Certificate? certificate, X509Chain? presented, X509Certificate2 root, SslPolicyErrors errors)
    {
        ServerCertificate = certificate;
        if (certificate is not X509Certificate2 leaf || presented is null || (errors & SslPolicyErrors.RemoteCertificateNameMismatch) != 0)
        {
            return false;
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(root);
        chain.ChainPolicy.ExtraStore.AddRange(presented.ChainPolicy.ExtraStore);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        return chain.Build(leaf);
    }

    private ReceivedPacket? Take()
    {
        var offset = 1;
        var length = 0;
        for (var shift = 0; ; shift += 7)
        {
            if (offset >= _received.Count)
            {
                return null;
            }

            var digit = _received[offset++];
            length |= (digit & 0x7F) << shift;
            if ((digit & 0x80) == 0)
            {
                break;
            }
        }

        if (_received.Count - offset < length)
        {
            return null;
        }

        var packet = new ReceivedPacket(MqttVersion.V500, _received[0], [.. _received.GetRange(offset, length)]);
        _received.RemoveRange(0, offset + length);
        return packet;
    }
}
