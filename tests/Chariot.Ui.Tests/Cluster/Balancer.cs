using System.Net;
using System.Net.Sockets;

namespace Chariot.Ui.Tests.Cluster;

/// <summary>One address in front of several admin hosts: each connection goes to the first one that accepts it.</summary>
internal sealed class Balancer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly int[] _targets;

    public Balancer(params int[] targets)
    {
        _targets = targets;
        _listener.Start();
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        while (true)
        {
            TcpClient client;
            try
            {
                client = await _listener.AcceptTcpClientAsync();
            }
            catch (Exception error) when (error is ObjectDisposedException or SocketException)
            {
                // Disposed.
                return;
            }

            _ = RelayAsync(client);
        }
    }

    private async Task RelayAsync(TcpClient client)
    {
        using (client)
        {
            foreach (var target in _targets)
            {
                using var host = new TcpClient();
                try
                {
                    await host.ConnectAsync(IPAddress.Loopback, target);
                }
                catch (SocketException)
                {
                    // Stopped; the next one.
                    continue;
                }

                // The end of either direction ends both, as it does when a host stops.
                await Task.WhenAny(CopyAsync(client, host), CopyAsync(host, client));
                return;
            }
        }
    }

    private static async Task CopyAsync(TcpClient from, TcpClient to)
    {
        try
        {
            await from.GetStream().CopyToAsync(to.GetStream());
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // The other side is gone, and with it the connection.
            return;
        }
    }
}
