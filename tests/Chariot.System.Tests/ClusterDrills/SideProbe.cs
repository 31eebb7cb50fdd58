using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.ClusterDrills;

/// <summary>Asks one silo for everything that a client and an administrator want, again and again, and counts what it served and what it refused.</summary>
internal sealed class SideProbe(PartitionCluster cluster, int node, long started)
{
    public const string Password = "a-password-of-its-own";

    private static readonly string[] Everything = ["#"];
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);
    private readonly List<string> _written = [];
    private readonly List<string> _credentials = [];
    private readonly List<string> _clientIds = [];
    private int _connected;
    private int _notConnected;
    private int _subscribed;
    private int _notSubscribed;
    private int _notWritten;
    private int _notAdministered;

    /// <summary>Topics of retained messages that it acknowledged.</summary>
    public IReadOnlyList<string> Written => _written;

    /// <summary>User names that it said it has made.</summary>
    public IReadOnlyList<string> Credentials => _credentials;

    public IReadOnlyList<string> ClientIds => _clientIds;

    public int Served => _connected;

    /// <summary>When it last acknowledged anything, after the cut.</summary>
    public TimeSpan LastServed { get; private set; }

    /// <summary>Whether it came to its end: what a network or a broker in trouble may throw is a no.</summary>
    public static async Task<bool> TryAsync(Func<Task> act)
    {
        try
        {
            await act();
            return true;
        }
        catch (Exception error) when (error is MqttTestException or TimeoutException or IOException or SocketException or HttpRequestException or OperationCanceledException or InvalidOperationException)
        {
            // Refused, or no answer.
            return false;
        }
    }

    public Task RunAsync(CancellationToken over) => Task.WhenAll(ClientsAsync(over), AdministratorAsync(over));

    public override string ToString() => FormattableString.Invariant(
        $"silo {DrillCluster.NameOf(node)}: CONNECT {_connected} served, {_notConnected} refused; SUBSCRIBE {_subscribed}, {_notSubscribed}; retained QoS 1 PUBLISH {_written.Count}, {_notWritten}; credentials {_credentials.Count}, {_notAdministered}; last served after {LastServed.TotalSeconds:0.0} s");

    private async Task ClientsAsync(CancellationToken over)
    {
        for (var i = 0; !over.IsCancellationRequested; i++)
        {
            var id = $"side{node}-{i}";
            lock (_clientIds)
            {
                _clientIds.Add(id);
            }

            RawMqttClient? client = null;
            if (!await TryAsync(async () => client = await ConnectAsync(id)))
            {
                _notConnected++;
                await Task.Delay(100, CancellationToken.None);
                continue;
            }

            Count(ref _connected);
            await using (client!)
            {
                if (await TryAsync(() => SubscribeAsync(client!, $"side/{node}/{i}")))
                {
                    Count(ref _subscribed);
                }
                else
                {
                    _notSubscribed++;
                }

                var topic = $"written/{node}/{i}";
                if (await TryAsync(() => WriteAsync(client!, topic)))
                {
                    _written.Add(topic);
                    LastServed = Stopwatch.GetElapsedTime(started);
                }
                else
                {
                    _notWritten++;
                }
            }

            await Task.Delay(20, CancellationToken.None);
        }
    }

    private async Task AdministratorAsync(CancellationToken over)
    {
        // Signed in anew each time: the silo under it may be another process by now.
        for (var i = 0; !over.IsCancellationRequested; i++)
        {
            var username = $"user{node}-{i}";
            var made = await TryAsync(async () =>
            {
                using var admin = new AdminClient(cluster.HttpPort(node), BrokerOptions.DefaultPassword);
                var answer = await admin.PostAsync("credentials", new { username, password = Password, publishAcl = Everything, subscribeAcl = Everything, enabled = true });
                _ = answer.Status == HttpStatusCode.Created ? answer : throw new MqttTestException($"{answer.Status}");
            });
            if (made)
            {
                _credentials.Add(username);
                LastServed = Stopwatch.GetElapsedTime(started);
            }
            else
            {
                _notAdministered++;
            }

            await Task.Delay(500, CancellationToken.None);
        }
    }

    private void Count(ref int served)
    {
        served++;
        LastServed = Stopwatch.GetElapsedTime(started);
    }

    private async Task<RawMqttClient> ConnectAsync(string clientId)
    {
        var packet = new ConnectPacket { ClientId = clientId, KeepAlive = 0 };
        var client = await RawMqttClient.DialAsync(cluster.Port(node), packet.Version);
        try
        {
            await client.SendAsync(packet.Encode());
            return await client.ReadAsync(Patience) is { Type: PacketType.ConnAck, Reason: 0 } ? client : throw new MqttTestException("refused");
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }
    }

    private static async Task SubscribeAsync(RawMqttClient client, string filter)
    {
        await client.SendAsync(Packets.Subscribe(client.Version, client.NextPacketId(), (filter, 1)));
        if ((await client.WaitForAsync(PacketType.SubAck, Patience)).Reasons.Single() > 2)
        {
            throw new MqttTestException("refused");
        }
    }

    private static async Task WriteAsync(RawMqttClient client, string topic)
    {
        await client.SendAsync(Packets.Publish(client.Version, topic, "x", 1, client.NextPacketId(), retain: true));
        if ((await client.WaitForAsync(PacketType.PubAck, Patience)).Reason >= 0x80)
        {
            throw new MqttTestException("refused");
        }
    }
}
