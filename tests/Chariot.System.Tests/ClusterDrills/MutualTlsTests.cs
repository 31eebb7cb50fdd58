using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Chariot.SystemTests.Cluster;
using Chariot.SystemTests.CommandLine;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Mqtt;
using Chariot.TestKit.Stores;

namespace Chariot.SystemTests.ClusterDrills;

/// <summary>Mutual TLS between the processes of a cluster, with the files of <c>chariot cluster-ca</c>.</summary>
public sealed class MutualTlsTests(MutualTlsTests.Fixture cluster) : IClassFixture<MutualTlsTests.Fixture>
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task NodesOfTheClustersCa_RouteMessages_AndAreAdministered()
    {
        await using var subscriber = await RawMqttClient.ConnectAsync(cluster.One.Ports.Mqtt, new ConnectPacket { ClientId = "subscriber" });
        await using var publisher = await RawMqttClient.ConnectAsync(cluster.Two.Ports.Mqtt, new ConnectPacket { ClientId = "publisher" });
        for (var i = 0; i < 20; i++)
        {
            Assert.InRange(await subscriber.SubscribeAsync($"secret/{i}", 1), 0, 2);
            await publisher.PublishAsync($"secret/{i}", $"{i}", 1);
            Assert.Equal($"{i}", (await subscriber.ReadPublishAsync(Long)).PayloadText);
        }

        // The admin host is a client of the cluster.
        await Eventually.TrueAsync(async () => await ActiveAsync(cluster.Admin) is ["one", "two"], "the admin host lists both silos", 60);
        var made = await cluster.Admin.Admin.PostAsync("credentials", new { username = "tls", password = "a-password-of-its-own", publishAcl = Array.Empty<string>(), subscribeAcl = Array.Empty<string>(), enabled = true });
        Assert.Equal(HttpStatusCode.Created, made.Status);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("other")]
    public async Task ASiloWithoutACertificateOfTheCa_DoesNotJoin_AndTheLogsSayWhy(string? authority)
    {
        var (ones, twos) = (cluster.One.Output.Length, cluster.Two.Output.Length);
        await using var stranger = BrokerProcess.Launch(cluster.Options("stranger", "edge,admin", authority, "one"));

        await Eventually.TrueAsync(
            () => (cluster.One.Output[ones..] + cluster.Two.Output[twos..]).Contains("to a port of the cluster was refused", StringComparison.Ordinal),
            "a silo refuses the stranger",
            90);
        if (authority is not null)
        {
            await Eventually.TrueAsync(() => stranger.Output.Contains("refused this node's certificate or is no node of this cluster", StringComparison.Ordinal), "the stranger says so", 90);
            Assert.Contains("Check that Chariot:Cluster:Tls names the cluster's CA", stranger.Output, StringComparison.Ordinal);
        }

        Assert.DoesNotMatch(BrokerProcess.ReadyLine(), stranger.Output);
        await Eventually.TrueAsync(async () => await ActiveAsync(cluster.One) is ["one", "two"], "only the two are active", 60);
    }

    [Fact]
    public async Task APlainConnection_ToAPortOfTheCluster_GetsNothing()
    {
        foreach (var port in new[] { cluster.One.Ports.Silo, cluster.One.Ports.Gateway })
        {
            using var socket = new TcpClient();
            await socket.ConnectAsync(IPAddress.Loopback, port);
            var stream = socket.GetStream();
            await stream.WriteAsync(new byte[64]);
            using var patience = new CancellationTokenSource(Long);
            var received = new List<byte>();
            var buffer = new byte[256];
            try
            {
                for (int read; (read = await stream.ReadAsync(buffer, patience.Token)) > 0;)
                {
                    received.AddRange(buffer[..read]);
                }
            }
            catch (IOException)
            {
                // A reset is as closed as an orderly end.
            }

            // A TLS alert is all that may come (RFC 8446 section 6).
            Assert.True(received is [] or [0x15, 0x03, ..], Convert.ToHexString([.. received]));
        }
    }

    [Fact]
    public async Task ATlsClientWithoutACertificate_IsRefused()
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, cluster.One.Ports.Silo);
        await using var tls = new SslStream(socket.GetStream(), false, (_, certificate, _, _) => certificate is not null);

        // In TLS 1.3 the refusal comes behind the client's handshake.
        var refused = await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            using var patience = new CancellationTokenSource(Long);
            await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "node.chariot" }, patience.Token);
            await tls.ReadExactlyAsync(new byte[1], patience.Token);
        });
        Assert.True(refused is IOException or AuthenticationException, refused.ToString());
    }

    [Fact]
    public async Task FilesThatDoNotFit_AreRefusedAtTheStart()
    {
        foreach (var (key, value, sentence) in new[]
        {
            ("Chariot:Cluster:Tls:KeyFile", "", "Chariot:Cluster:Tls:KeyFile is missing"),
            ("Chariot:Cluster:Tls:KeyFile", cluster.File("other", "one.key"), "Chariot:Cluster:Tls: "),
            ("Chariot:Cluster:Tls:AuthorityFile", cluster.File("other", "authority.crt"), "is not a valid one of the cluster's CA"),
            ("Chariot:Cluster:Tls:CertificateFile", cluster.File("ca", "absent.crt"), "absent.crt"),
        })
        {
            await using var node = BrokerProcess.Launch(cluster.Options("late", "edge,admin", "ca", "one", (key, value)));
            Assert.Equal(2, await node.WaitForExitAsync(90));
            Assert.Contains(sentence, node.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task ClusterCa_InTheFolderOfOne_AddsNodes_AndOverwritesNothing()
    {
        using var directory = new TempDirectory();
        var folder = directory.File("ca");
        (await CommandLineFixture.RunWithAsync([], "cluster-ca", "--out", folder, "--node", "first")).EnsureSuccess();
        var before = Directory.GetFiles(folder).ToDictionary(file => file, System.IO.File.ReadAllText);

        Assert.Equal(2, (await CommandLineFixture.RunWithAsync([], "cluster-ca", "--out", folder, "--node", "first")).ExitCode);
        Assert.Equal(2, (await CommandLineFixture.RunWithAsync([], "cluster-ca", "--out", folder, "--node", "authority")).ExitCode);
        (await CommandLineFixture.RunWithAsync([], "cluster-ca", "--out", folder, "--node", "second")).EnsureSuccess();

        Assert.All(before, file => Assert.Equal(file.Value, System.IO.File.ReadAllText(file.Key)));
        foreach (var purpose in new[] { "sslserver", "sslclient" })
        {
            (await Command.RunAsync("openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", Path.Combine(folder, "authority.crt"), Path.Combine(folder, "second.crt"))).EnsureSuccess();
        }
    }

    /// <summary>None while the cluster is finding itself again (503).</summary>
    private static async Task<string[]> ActiveAsync(BrokerProcess node)
    {
        var answer = await node.Admin.GetAsync("nodes");
        return answer.Status == HttpStatusCode.ServiceUnavailable
            ? []
            : [.. answer.EnsureSuccess().Body!["items"]!.AsArray().Where(item => (string?)item!["status"] == "active").Select(item => (string)item!["node"]!).Order()];
    }

    public sealed class Fixture : IAsyncLifetime, IAsyncDisposable
    {
        private readonly TempDirectory _files = new();
        private PostgresServer _server = null!;
        private ClusterNodes _nodes = null!;

        public BrokerProcess One { get; private set; } = null!;

        public BrokerProcess Two { get; private set; } = null!;

        public BrokerProcess Admin { get; private set; } = null!;

        public string File(string authority, string name) => Path.Combine(_files.File(authority), name);

        /// <param name="authority">Folder of the CA; null: no certificate at all.</param>
        public BrokerOptions Options(string name, string roles, string? authority, string? pair = null, params (string Key, string Value)[] more) =>
            _nodes.Options(name, roles, [.. (authority is null ? [] : Tls(authority, pair ?? name)).ExceptBy(more.Select(pair => pair.Key), pair => pair.Key), ("Chariot:Bootstrap:AllowAnonymous", "true"), .. more]);

        public async Task InitializeAsync()
        {
            foreach (var authority in new[] { "ca", "other" })
            {
                (await CommandLineFixture.RunWithAsync([], "cluster-ca", "--out", _files.File(authority), "--node", "one", "--node", "two", "--node", "admin")).EnsureSuccess();
            }

            foreach (var key in Directory.GetFiles(_files.File("ca"), "*.key"))
            {
                Assert.Equal("600", (await Command.RunAsync("stat", "-c", "%a", key)).EnsureSuccess().Output.Trim());
            }

            _server = await PostgresServer.StartAsync();
            _nodes = new ClusterNodes("postgres", await _server.CreateDatabaseAsync());
            var starting = new[] { ("one", "edge,admin"), ("two", "edge,admin"), ("admin", "admin") }
                .Select(node => _nodes.StartAsync(node.Item1, node.Item2, [.. Tls("ca", node.Item1), ("Chariot:Bootstrap:AllowAnonymous", "true")])).ToArray();
            (One, Two, Admin) = (await starting[0], await starting[1], await starting[2]);
        }

        // xunit 2 calls this one only.
        public async Task DisposeAsync()
        {
            await _nodes.DisposeAsync();
            await _server.DisposeAsync();
            _files.Dispose();
        }

        async ValueTask IAsyncDisposable.DisposeAsync() => await DisposeAsync();

        private (string Key, string Value)[] Tls(string authority, string pair) =>
        [
            ("Chariot:Cluster:Tls:AuthorityFile", File(authority, "authority.crt")),
            ("Chariot:Cluster:Tls:CertificateFile", File(authority, pair + ".crt")),
            ("Chariot:Cluster:Tls:KeyFile", File(authority, pair + ".key")),
        ];
    }
}
