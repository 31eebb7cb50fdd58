using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Chariot.TestKit.Networks;

/// <summary>
/// Hosts as network namespaces, each with its own loopback and one cable (veth) to a switch (bridge) in a namespace between them; no default route, nothing of it in the
/// machine's own namespace. A cable can be pulled at the switch: packets vanish, links stay up. Needs root. Disposal removes everything; processes
/// inside must have ended.
/// </summary>
public sealed class NamespaceNetwork : IAsyncDisposable
{
    private const string Prefix = "10.77.0.";
    private static readonly Lazy<string?> Reason = new(Probe);
    private readonly string _name = string.Create(CultureInfo.InvariantCulture, $"chariot-{Environment.ProcessId}-{Random.Shared.Next(1 << 20):x}");
    private readonly List<string> _namespaces = [];
    private readonly List<SocketRelay> _relays = [];

    private NamespaceNetwork()
    {
    }

    /// <summary>Why there can be no such network here; null where there can.</summary>
    public static string? Unavailable => Reason.Value;

    public string Hub => _name + "-hub";

    public static string HubAddress => Prefix + "1";

    public static async Task<NamespaceNetwork> StartAsync(int hosts)
    {
        var network = new NamespaceNetwork();
        try
        {
            await network.AddAsync(network.Hub);
            await network.IpAsync("-n", network.Hub, "link", "add", "switch", "type", "bridge");
            await network.IpAsync("-n", network.Hub, "address", "add", HubAddress + "/24", "dev", "switch");
            await network.IpAsync("-n", network.Hub, "link", "set", "switch", "up");
            for (var host = 0; host < hosts; host++)
            {
                await network.AddAsync(network.Name(host));
                await network.IpAsync("link", "add", Cable(host), "netns", network.Hub, "type", "veth", "peer", "name", "eth0", "netns", network.Name(host));
                await network.IpAsync("-n", network.Hub, "link", "set", Cable(host), "up");
                await network.PlugAsync(host);
                await network.IpAsync("-n", network.Name(host), "address", "add", Address(host) + "/24", "dev", "eth0");
                await network.IpAsync("-n", network.Name(host), "link", "set", "eth0", "up");
            }

            return network;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    /// <summary>Namespace of a host, as <c>ip netns</c> knows it.</summary>
    public string Name(int host) => string.Create(CultureInfo.InvariantCulture, $"{_name}-{host}");

    /// <summary>Address of a host on the switch.</summary>
    public static string Address(int host) => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{11 + host}");

    /// <summary>Command that runs another one on the host, as the same process.</summary>
    public IReadOnlyList<string> Enter(int host) => ["nsenter", "--net=/run/netns/" + Name(host), "--"];

    public Task UnplugAsync(int host) => IpAsync("-n", Hub, "link", "set", Cable(host), "nomaster");

    public Task PlugAsync(int host) => IpAsync("-n", Hub, "link", "set", Cable(host), "master", "switch");

    /// <summary>From here on a connection to this machine's loopback port becomes a connection from the host to its own: a client beside its broker.</summary>
    public void OpenDoor(int host, int port)
    {
        var target = new IPEndPoint(IPAddress.Loopback, port);
        _relays.Add(new SocketRelay(Listen(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp), target), () => Inside(Name(host)), target));
    }

    /// <summary>From here on this machine's loopback port is reached at <see cref="HubAddress"/>, over the switch.</summary>
    public void Publish(int port)
    {
        var listener = Listen(Inside(Hub), new IPEndPoint(IPAddress.Parse(HubAddress), port));
        _relays.Add(new SocketRelay(listener, () => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp), new IPEndPoint(IPAddress.Loopback, port)));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var relay in _relays)
        {
            relay.Dispose();
        }

        // Links go with the namespace they are in.
        foreach (var name in Enumerable.Reverse(_namespaces))
        {
            await IpAsync("netns", "delete", name);
        }
    }

    private static Socket Listen(Socket socket, IPEndPoint endpoint)
    {
        socket.Bind(endpoint);
        socket.Listen(128);
        return socket;
    }

    /// <summary>A socket belongs to the namespace of the thread that makes it, for ever; the thread ends with its namespace.</summary>
    private static Socket Inside(string name)
    {
        Socket? made = null;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                using var handle = File.OpenHandle("/run/netns/" + name);
                const int Network = 0x40000000;
                if (setns((int)handle.DangerousGetHandle(), Network) != 0)
                {
                    throw new InvalidOperationException($"setns to {name} failed with error {Marshal.GetLastPInvokeError()}");
                }

                made = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            }
            catch (Exception error)
            {
                failure = error;
            }
        });
        thread.Start();
        thread.Join();
        return made ?? throw new InvalidOperationException("no socket in " + name, failure);
    }

    private async Task AddAsync(string name)
    {
        await IpAsync("netns", "add", name);
        _namespaces.Add(name);
        await IpAsync("-n", name, "link", "set", "lo", "up");
    }

    private static string Cable(int host) => string.Create(CultureInfo.InvariantCulture, $"cable{host}");

    private async Task IpAsync(params string[] arguments) => (await Command.RunAsync("ip", arguments)).EnsureSuccess();

    private static string? Probe()
    {
        if (!OperatingSystem.IsLinux() || Environment.UserName != "root")
        {
            return "network namespaces need root on Linux";
        }

        try
        {
            // All that a network is made of, once.
            var network = StartAsync(1).GetAwaiter().GetResult();
            Inside(network.Name(0)).Dispose();
            network.DisposeAsync().AsTask().GetAwaiter().GetResult();
            return null;
        }
        catch (Exception error) when (error is InvalidOperationException or System.ComponentModel.Win32Exception or TimeoutException)
        {
            return "network namespaces are not permitted here: " + error.Message.ReplaceLineEndings(" ");
        }
    }

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int setns(int descriptor, int kind);
}
