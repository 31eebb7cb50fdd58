using System.Net;
using System.Net.Sockets;

namespace Chariot.TestKit.Networks;

/// <summary>Connects everybody who comes to a listener on to one address, over sockets that somebody else makes. Disposal ends all connections.</summary>
internal sealed class SocketRelay : IDisposable
{
    private readonly CancellationTokenSource _over = new();
    private readonly Socket _listener;
    private readonly Func<Socket> _dial;
    private readonly EndPoint _target;

    public SocketRelay(Socket listener, Func<Socket> dial, EndPoint target)
    {
        (_listener, _dial, _target) = (listener, dial, target);
        _ = AcceptAsync();
    }

    public void Dispose()
    {
        _over.Cancel();
        _listener.Dispose();
        _over.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            Socket client;
            try
            {
                client = await _listener.AcceptAsync(_over.Token);
            }
            catch (Exception error) when (error is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                // Disposed.
                return;
            }

            _ = RelayAsync(client, _over.Token);
        }
    }

    private async Task RelayAsync(Socket client, CancellationToken over)
    {
        using (client)
        using (var server = _dial())
        {
            client.NoDelay = server.NoDelay = true;
            try
            {
                await server.ConnectAsync(_target, over);
                // The first side that ends takes the other with it: none of the two protocols closes one direction alone.
                await await Task.WhenAny(CopyAsync(client, server, over), CopyAsync(server, client, over));
            }
            catch (Exception error) when (error is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                // Nobody there, or one side is gone.
                return;
            }
        }
    }

    private static async Task CopyAsync(Socket from, Socket to, CancellationToken over)
    {
        var buffer = new byte[16 * 1024];
        try
        {
            int read;
            while ((read = await from.ReceiveAsync(buffer, over)) > 0)
            {
                for (var sent = 0; sent < read;)
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, read - sent), over);
                }
            }
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // One side is gone; the relay ends with it.
            return;
        }
    }
}
