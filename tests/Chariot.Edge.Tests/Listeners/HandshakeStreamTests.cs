using System.Net;
using System.Net.Sockets;
using Chariot.Edge.Listeners;

namespace Chariot.Edge.Tests.Listeners;

public sealed class HandshakeStreamTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task AHandshakeThatWaitsForItsClient_TakesNoPlace()
    {
        using var gate = new HandshakeGate(concurrency: 1, queueLimit: 1);
        var (silentClient, silentServer) = await PairAsync();
        var (client, server) = await PairAsync();
        using var silent = new HandshakeStream(silentServer, gate);
        using var stream = new HandshakeStream(server, gate);
        using (silentClient)
        using (client)
        {
            // It computed once and waits for the rest of what its client has to say.
            await silentClient.SendAsync(new byte[1]);
            Assert.Equal(1, await silent.ReadAsync(new byte[10]).AsTask().WaitAsync(Patience));
            var waiting = silent.ReadAsync(new byte[10]).AsTask();

            await client.SendAsync(new byte[1]);
            Assert.Equal(1, await stream.ReadAsync(new byte[10]).AsTask().WaitAsync(Patience));

            // One computes: the other has to wait, until that one reads, ends, or is over.
            await silentClient.SendAsync(new byte[1]);
            stream.HandshakeIsOver();
            Assert.Equal(1, await waiting.WaitAsync(Patience));
        }
    }

    [Fact]
    public async Task AStreamThatIsDisposed_GivesItsPlaceBack()
    {
        using var gate = new HandshakeGate(concurrency: 1, queueLimit: 0);
        var (client, server) = await PairAsync();
        using (client)
        {
            await using (var stream = new HandshakeStream(server, gate))
            {
                await client.SendAsync(new byte[1]);
                Assert.Equal(1, await stream.ReadAsync(new byte[10]).AsTask().WaitAsync(Patience));
                using var refused = await gate.EnterAsync(CancellationToken.None);
                Assert.False(refused.IsAcquired);
            }

            using var place = await gate.EnterAsync(CancellationToken.None);
            Assert.True(place.IsAcquired);
        }
    }

    private static async Task<(Socket Client, Socket Server)> PairAsync()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(listener.LocalEndPoint!);
        return (client, await listener.AcceptAsync());
    }
}
