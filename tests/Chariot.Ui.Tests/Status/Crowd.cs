using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Chariot.TestKit.Mqtt;

namespace Chariot.Ui.Tests.Status;

/// <summary>Many connected clients that say nothing: a socket each, and no more.</summary>
internal sealed class Crowd : IAsyncDisposable
{
    private const int AtOnce = 64;
    private readonly Socket[] _sockets;

    private Crowd(Socket[] sockets) => _sockets = sockets;

    public static async Task<Crowd> ConnectAsync(int port, int count, string prefix)
    {
        var sockets = new Socket[count];
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = deadline.Token }, async (i, cancel) =>
        {
            var socket = sockets[i] = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(IPAddress.Loopback, port, cancel);
            var connect = new ConnectPacket { Version = MqttVersion.V311, ClientId = prefix + i.ToString("D5", CultureInfo.InvariantCulture), KeepAlive = 0 };
            await socket.SendAsync(connect.Encode(), cancel);
            // CONNACK of 3.1.1: four bytes, the last one 0 for success.
            var answer = new byte[4];
            for (var read = 0; read < answer.Length;)
            {
                var more = await socket.ReceiveAsync(answer.AsMemory(read), cancel);
                Assert.True(more > 0, "the broker closed a connection of the crowd");
                read += more;
            }

            Assert.Equal([0x20, 2, 0, 0], answer);
        });
        return new Crowd(sockets);
    }

    public ValueTask DisposeAsync()
    {
        foreach (var socket in _sockets)
        {
            socket.Dispose();
        }

        return ValueTask.CompletedTask;
    }
}
