using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using Chariot.Edge.Authentication;

namespace Chariot.Edge.Transports;

/// <summary>
/// MQTT in the binary messages of a WebSocket (MQTT 5.0 section 6). Packets and frames need not match in either direction
/// [MQTT-6.0.0-2]. Anything but a binary message ends the connection [MQTT-6.0.0-1].
/// </summary>
/// <param name="socket">After the opening handshake.</param>
/// <param name="remoteAddress">Address and port of the client.</param>
/// <param name="secure">Over TLS.</param>
/// <param name="abort">Cuts the connection under the WebSocket.</param>
/// <param name="certificate">The client's, as the handshake accepted it.</param>
internal sealed class WebSocketTransport(WebSocket socket, string remoteAddress, bool secure, Action abort, ClientCertificate? certificate = null) : ITransport
{
    /// <summary>Largest message sent, bytes. Progress of a slow client is seen per message, and a stalled one is cut off.</summary>
    private const int LargestMessage = 64 * 1024;

    /// <summary>For the client to answer our Close frame.</summary>
    private static readonly TimeSpan CloseTime = TimeSpan.FromSeconds(2);

    private volatile bool _closing;
    private volatile bool _ended;

    public string RemoteAddress { get; } = remoteAddress;

    public bool Secure { get; } = secure;

    public ClientCertificate? ClientCertificate { get; } = certificate;

    public ValueTask<int> ReceiveAsync(Memory<byte> buffer)
    {
        var receive = socket.ReceiveAsync(buffer, CancellationToken.None);
        if (receive.IsCompletedSuccessfully)
        {
            var result = receive.Result;
            return result.MessageType == WebSocketMessageType.Binary && result.Count > 0 ? new ValueTask<int>(result.Count) : GoOnAsync(new(result), buffer);
        }

        return GoOnAsync(receive, buffer);
    }

    public ValueTask<int> SendAsync(ReadOnlyMemory<byte> buffer)
    {
        if (_closing)
        {
            // Behind a Close frame nothing may follow (RFC 6455 section 5.5.1); what is not acknowledged stays in the session.
            return new ValueTask<int>(buffer.Length);
        }

        var message = buffer[..Math.Min(buffer.Length, LargestMessage)];
        var send = socket.SendAsync(message, WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None);
        if (send.IsCompletedSuccessfully)
        {
            send.GetAwaiter().GetResult();
            return new ValueTask<int>(message.Length);
        }

        return WaitAsync(send, message.Length);
    }

    public void EndSending() => _ = EndSendingAsync();

    public void Abort()
    {
        // After the closing handshake the server behind this flushes and closes by itself; cutting could lose our Close frame.
        if (!_ended)
        {
            abort();
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private static async ValueTask<int> WaitAsync(ValueTask send, int length)
    {
        await send;
        return length;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> GoOnAsync(ValueTask<ValueWebSocketReceiveResult> receive, Memory<byte> buffer)
    {
        try
        {
            while (true)
            {
                var result = await receive;
                switch (result.MessageType)
                {
                    case WebSocketMessageType.Binary when result.Count > 0:
                        return result.Count;
                    case WebSocketMessageType.Close:
                        await AnswerCloseAsync();
                        return 0;
                    case WebSocketMessageType.Text:
                        await RefuseTextAsync();
                        return 0;
                }

                // An empty frame, which must not pass for the end of the stream.
                receive = socket.ReceiveAsync(buffer, CancellationToken.None);
            }
        }
        catch (WebSocketException error)
        {
            throw new IOException(error.Message, error);
        }
    }

    private async Task AnswerCloseAsync()
    {
        if (!_closing)
        {
            _closing = true;
            using var timeout = new CancellationTokenSource(CloseTime);
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, timeout.Token);
        }

        _ended = true;
    }

    private async Task RefuseTextAsync()
    {
        using var timeout = new CancellationTokenSource(CloseTime);
        if (!_closing)
        {
            _closing = true;
            await socket.CloseOutputAsync(WebSocketCloseStatus.InvalidMessageType, "MQTT needs binary frames", timeout.Token);
        }

        // Closing with unread bytes resets the connection, and the client would not see why.
        var rest = new byte[512];
        ValueWebSocketReceiveResult result;
        do
        {
            result = await socket.ReceiveAsync(rest.AsMemory(), timeout.Token);
        }
        while (result.MessageType != WebSocketMessageType.Close);

        _ended = true;
    }

    private async Task EndSendingAsync()
    {
        if (_closing)
        {
            return;
        }

        _closing = true;
        try
        {
            using var timeout = new CancellationTokenSource(CloseTime);
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, timeout.Token);
        }
        catch (Exception error) when (error is WebSocketException or IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            // The client was faster, or does not read: there is nobody to tell.
            abort();
        }
    }
}
