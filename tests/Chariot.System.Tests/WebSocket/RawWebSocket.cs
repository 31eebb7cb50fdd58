using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Chariot.SystemTests.WebSocket;

/// <summary>The bytes under a WebSocket, for frames and requests that no client library would send.</summary>
internal sealed class RawWebSocket : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly NetworkStream _stream;

    private RawWebSocket(NetworkStream stream) => _stream = stream;

    /// <summary>Status line and header lines of the answer.</summary>
    public string Answer { get; private set; } = "";

    public int Status => int.Parse(Answer.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Sends an opening handshake that is right but for <paramref name="path"/> and the header lines in <paramref name="extra"/>.</summary>
    public static async Task<RawWebSocket> DialAsync(int port, string path = "/mqtt", string extra = "Sec-WebSocket-Protocol: mqtt\r\n", string version = "13", string key = "dGhlIHNhbXBsZSBub25jZQ==")
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, port);
        var client = new RawWebSocket(new NetworkStream(socket, ownsSocket: true));
        await client.SendAsync(Encoding.ASCII.GetBytes(
            $"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: {version}\r\nSec-WebSocket-Key: {key}\r\n{extra}\r\n"));
        var answer = new StringBuilder();
        var one = new byte[1];
        while (!answer.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && await client.ReadAsync(one) == 1)
        {
            answer.Append((char)one[0]);
        }

        client.Answer = answer.ToString();
        return client;
    }

    public async Task SendAsync(byte[] bytes) => await _stream.WriteAsync(bytes);

    /// <summary>Reads until the broker has closed; a reset counts as closed.</summary>
    public async Task<byte[]> ReadToCloseAsync()
    {
        var all = new MemoryStream();
        var buffer = new byte[4096];
        int read;
        while ((read = await ReadAsync(buffer)) > 0)
        {
            all.Write(buffer, 0, read);
        }

        return all.ToArray();
    }

    /// <summary>Reads exactly <paramref name="count"/> bytes.</summary>
    public async Task<byte[]> ReadExactlyAsync(int count)
    {
        using var deadline = new CancellationTokenSource(Patience);
        var bytes = new byte[count];
        await _stream.ReadExactlyAsync(bytes, deadline.Token);
        return bytes;
    }

    public async ValueTask DisposeAsync() => await _stream.DisposeAsync();

    private async Task<int> ReadAsync(byte[] buffer)
    {
        using var deadline = new CancellationTokenSource(Patience);
        try
        {
            return await _stream.ReadAsync(buffer, deadline.Token);
        }
        catch (IOException)
        {
            return 0;
        }
    }
}
