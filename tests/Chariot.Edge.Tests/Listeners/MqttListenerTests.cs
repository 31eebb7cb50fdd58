using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Chariot.Edge.Listeners;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chariot.Edge.Tests.Listeners;

public sealed class MqttListenerTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly List<IDisposable> _opened = [];

    [Fact]
    public async Task Bind_ToPort0_TellsItsPort_AndRefusesUntilStarted()
    {
        var listener = Bind();

        Assert.NotEqual(0, listener.EndPoint.Port);
        await AssertRefusedAsync(listener.EndPoint);

        var accepted = Start(listener);
        using var client = await ConnectAsync(listener.EndPoint);
        using var server = Take(accepted);

        Assert.True(server.NoDelay);
        await AssertJoinedAsync(client, server);
    }

    [Fact]
    public void Bind_ToAPortWithAListener_Throws()
    {
        var listener = Bind();
        Start(listener);

        var exception = Assert.Throws<SocketException>(() => MqttListener.Bind(listener.EndPoint, NullLogger.Instance));
        Assert.Equal(SocketError.AddressAlreadyInUse, exception.SocketErrorCode);
    }

    [Fact]
    public void Start_AfterAnotherWasFirstToListen_ThrowsAndGivesThePortUp()
    {
        var listener = Bind();
        MqttListener other;
        try
        {
            other = Keep(MqttListener.Bind(listener.EndPoint, NullLogger.Instance));
        }
        catch (SocketException)
        {
            // Not every system lets two bind; then there is nothing to be second in.
            Assert.False(OperatingSystem.IsLinux());
            return;
        }

        Start(listener);

        Assert.Throws<SocketException>(() => other.Start(socket => socket.Dispose()));
        Assert.True(other.Completion.IsCompleted);
    }

    [Fact]
    public void Start_Twice_OrAfterStop_IsRefused()
    {
        var listener = Bind();
        Start(listener);
        Assert.Throws<InvalidOperationException>(() => listener.Start(socket => socket.Dispose()));

        listener.Stop();
        Assert.Throws<ObjectDisposedException>(() => listener.Start(socket => socket.Dispose()));
    }

    [Fact]
    public async Task Stop_RefusesAtOnce_AndLeavesAcceptedConnectionsAlone()
    {
        var listener = Bind();
        var accepted = Start(listener);
        using var client = await ConnectAsync(listener.EndPoint);
        using var server = Take(accepted);

        listener.Stop();

        await AssertRefusedAsync(listener.EndPoint);
        await listener.Completion.WaitAsync(Patience);
        await AssertJoinedAsync(client, server);
    }

    [Fact]
    public async Task SamePort_CanBeOpenedAndClosedTwentyTimes_WithConnectionsLeftBehind()
    {
        var endPoint = new IPEndPoint(IPAddress.Loopback, 0);
        var alive = new List<(Socket Client, Socket Server)>();
        for (var round = 0; round < 20; round++)
        {
            var listener = Keep(MqttListener.Bind(endPoint, NullLogger.Instance));
            endPoint = listener.EndPoint;
            await AssertRefusedAsync(endPoint);
            var accepted = Start(listener);

            // One connection stays open, one is closed by the server first and lingers in TIME_WAIT.
            var client = Keep(await ConnectAsync(endPoint));
            alive.Add((client, Keep(Take(accepted))));
            using (var closed = await ConnectAsync(endPoint))
            {
                Take(accepted).Dispose();
                Assert.Equal(0, await closed.ReceiveAsync(new byte[1]).WaitAsync(Patience));
            }

            listener.Stop();
            await AssertRefusedAsync(endPoint);
        }

        foreach (var (client, server) in alive)
        {
            await AssertJoinedAsync(client, server);
        }
    }

    [Fact]
    public async Task Pause_LetsClientsWait_AndResumeTakesThem()
    {
        var listener = Bind();
        var accepted = Start(listener);
        (await ConnectAsync(listener.EndPoint)).Dispose();
        Take(accepted).Dispose();

        for (var round = 0; round < 5; round++)
        {
            listener.Pause();
            listener.Pause();
            using var client = await ConnectAsync(listener.EndPoint);
            Assert.False(accepted.TryTake(out _, TimeSpan.FromMilliseconds(20)));

            listener.Resume();
            listener.Resume();
            using var server = Take(accepted);
            await AssertJoinedAsync(client, server);
        }

        listener.Pause();
        listener.Stop();
        await listener.Completion.WaitAsync(Patience);
    }

    [Fact]
    public async Task Accept_ThatFails_IsTriedAgain_AndSaidOnce()
    {
        var log = new RecordingLogger();
        var listener = Keep(MqttListener.Bind(new IPEndPoint(IPAddress.Loopback, 0), log));
        var accept = listener.Accept;
        var failures = new Queue<SocketError>([SocketError.TooManyOpenSockets, SocketError.TooManyOpenSockets, SocketError.NoBufferSpaceAvailable, SocketError.ConnectionAborted]);
        listener.Accept = cancellation => failures.TryDequeue(out var error) ? ValueTask.FromException<Socket>(new SocketException((int)error)) : accept(cancellation);
        var accepted = Start(listener);

        using var client = await ConnectAsync(listener.EndPoint);
        using var server = Take(accepted);

        await AssertJoinedAsync(client, server);
        Assert.Equal([1900, 1902, 1901], log.Events);
    }

    [Fact]
    public async Task Accept_ThatFails_DoesNotDelayStop()
    {
        var listener = Bind();
        var tried = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        listener.Accept = _ =>
        {
            tried.TrySetResult();
            return ValueTask.FromException<Socket>(new SocketException((int)SocketError.TooManyOpenSockets));
        };
        Start(listener);
        await tried.Task.WaitAsync(Patience);

        listener.Stop();

        await listener.Completion.WaitAsync(Patience);
    }

    [Fact]
    public async Task HandOver_ThatThrows_ClosesThatConnectionOnly()
    {
        var log = new RecordingLogger();
        var listener = Keep(MqttListener.Bind(new IPEndPoint(IPAddress.Loopback, 0), log));
        var accepted = new BlockingCollection<Socket>();
        var first = true;
        listener.Start(socket =>
        {
            if (first)
            {
                first = false;
                throw new InvalidOperationException("first");
            }

            accepted.Add(socket);
        });

        using var refused = await ConnectAsync(listener.EndPoint);
        Assert.Equal(0, await refused.ReceiveAsync(new byte[1]).WaitAsync(Patience));
        using var client = await ConnectAsync(listener.EndPoint);
        using var server = Take(accepted);

        await AssertJoinedAsync(client, server);
        Assert.Equal([1903], log.Events);
    }

    [Fact]
    public async Task ManyClientsAtOnce_AreAllAccepted()
    {
        var listener = Bind();
        var accepted = Start(listener);

        var clients = await Task.WhenAll(Enumerable.Range(0, 300).Select(_ => ConnectAsync(listener.EndPoint)));

        foreach (var client in clients)
        {
            Take(accepted).Dispose();
            client.Dispose();
        }
    }

    public void Dispose()
    {
        foreach (var opened in _opened)
        {
            opened.Dispose();
        }
    }

    private static BlockingCollection<Socket> Start(MqttListener listener)
    {
        var accepted = new BlockingCollection<Socket>();
        listener.Start(accepted.Add);
        return accepted;
    }

    private static Socket Take(BlockingCollection<Socket> accepted)
    {
        Assert.True(accepted.TryTake(out var socket, Patience), "no connection was handed over");
        return socket;
    }

    private static async Task<Socket> ConnectAsync(IPEndPoint endPoint)
    {
        var client = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(endPoint).WaitAsync(Patience);
        return client;
    }

    private static async Task AssertRefusedAsync(IPEndPoint endPoint)
    {
        var exception = await Assert.ThrowsAsync<SocketException>(() => ConnectAsync(endPoint));
        Assert.Equal(SocketError.ConnectionRefused, exception.SocketErrorCode);
    }

    private static async Task AssertJoinedAsync(Socket client, Socket server)
    {
        await client.SendAsync(new byte[] { 42 });
        var buffer = new byte[1];
        Assert.Equal(1, await server.ReceiveAsync(buffer).WaitAsync(Patience));
        Assert.Equal(42, buffer[0]);
    }

    private MqttListener Bind() => Keep(MqttListener.Bind(new IPEndPoint(IPAddress.Loopback, 0), NullLogger.Instance));

    private T Keep<T>(T opened)
        where T : IDisposable
    {
        _opened.Add(opened);
        return opened;
    }

    private sealed class RecordingLogger : ILogger
    {
        private readonly ConcurrentQueue<int> _events = new();

        public int[] Events => [.. _events];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _events.Enqueue(eventId.Id);
    }
}
