using System.Net;
using System.Text.Json.Nodes;
using Chariot.SystemTests.Ssl;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;
using Chariot.TestKit.Mqtt;
using Chariot.TestKit.Stores;

namespace Chariot.SystemTests.Cluster;

/// <summary>Two silos that are also admin hosts, and a process that is an admin host alone, on one PostgreSQL.</summary>
public sealed class ClusterTests(ClusterTests.Fixture cluster) : IClassFixture<ClusterTests.Fixture>
{
    private const string Password = "a-password-of-its-own";
    private static readonly string[] Everything = ["#"];
    private readonly BrokerProcess _one = cluster.One;
    private readonly BrokerProcess _two = cluster.Two;
    private readonly BrokerProcess _admin = cluster.Admin;

    [Fact]
    public async Task EveryAdminHost_ListsTheSilos_AndItsChangesActOnAll()
    {
        foreach (var node in new[] { _one, _two, _admin })
        {
            await Eventually.TrueAsync(async () => await ActiveNodesAsync(node) is ["one", "two"], "both silos are listed", 60);
        }

        // Which admin host makes it does not matter, nor which silo it is used on.
        foreach (var (maker, index) in new[] { _one, _two, _admin }.Select((maker, index) => (maker, index)))
        {
            var username = "user" + index;
            var made = await maker.Admin.PostAsync("credentials", new { username, password = Password, publishAcl = Everything, subscribeAcl = Everything, enabled = true });
            Assert.Equal(HttpStatusCode.Created, made.Status);
            Assert.Equal(["one", "two"], made.Body!["nodes"]!.AsArray().Where(node => (bool)node!["applied"]!).Select(node => (string?)node!["node"]).Order());
            foreach (var silo in new[] { _one, _two })
            {
                await using var client = await RawMqttClient.ConnectAsync(silo.Ports.Mqtt, new ConnectPacket { ClientId = "c-" + index, Username = username, Password = Password });
            }
        }

        foreach (var reader in new[] { _one, _two, _admin })
        {
            var listed = (await reader.Admin.GetAsync("credentials")).EnsureSuccess().Body!["items"]!.AsArray();
            Assert.Equal(["user0", "user1", "user2"], listed.Select(item => (string)item!["username"]!).Where(name => name.StartsWith("user", StringComparison.Ordinal)));
        }
    }

    [Fact]
    public async Task SetupOfSsl_OnOneHost_IsServedByAll_AndSoIsItsEnd()
    {
        using var certificates = new TestCertificates();
        using var directory = new TempDirectory();
        var root = directory.Write("root.pem", certificates.RootPem);

        var answer = await _admin.Admin.PutSslAsync(certificates.KeyPkcs8Pem, certificates.ServerPem, certificates.ChainPem);

        // The admin host itself is among them when it has answered.
        answer.EnsureSuccess();
        foreach (var port in new[] { _one.Ports.Mqtts, _two.Ports.Mqtts, _one.Ports.Https, _two.Ports.Https, _admin.Ports.Https })
        {
            var served = await ServedChain.FetchAsync(port, root);
            Assert.True(served.Verified);
            Assert.Equal(certificates.ServerFingerprint, served.Fingerprints[0]);
        }

        using var second = new TestCertificates();
        (await _one.Admin.PutSslAsync(second.KeyPkcs8Pem, second.ServerPem, second.ChainPem)).EnsureSuccess();
        var secondRoot = directory.Write("second.pem", second.RootPem);
        Assert.Equal(second.ServerFingerprint, (await ServedChain.FetchAsync(_two.Ports.Mqtts, secondRoot)).Fingerprints[0]);
        await Eventually.TrueAsync(
            async () => (await ServedChain.FetchAsync(_admin.Ports.Https, secondRoot)).Fingerprints is [var first, ..] && first == second.ServerFingerprint,
            "the admin host follows a change that another host has answered for",
            30);

        Assert.Equal(HttpStatusCode.NoContent, (await _two.Admin.DeleteAsync("ssl")).Status);
        Assert.Empty((await ServedChain.FetchAsync(_one.Ports.Mqtts, root)).Fingerprints);
    }

    [Fact]
    public async Task AKilledSilo_LeavesTheList_AndComesBackUnderItsName()
    {
        await Eventually.TrueAsync(async () => await ActiveNodesAsync(_admin) is ["one", "two"], "both silos are listed", 60);
        await _two.Kill9Async();
        await Eventually.TrueAsync(async () => await ActiveNodesAsync(_admin) is ["one"], "the dead silo is no longer listed", 60);

        // Changes while it is away do not wait for it, and it has them before it accepts clients. Grains that lived there are found again in a
        // moment; until then the answer is 503 with Retry-After, and the change may have been made.
        await Eventually.TrueAsync(
            async () => (await _one.Admin.PostAsync("credentials", new { username = "meanwhile", password = Password, publishAcl = Everything, subscribeAcl = Everything, enabled = true })).Status
                is HttpStatusCode.Created or HttpStatusCode.Conflict,
            "the change is made",
            30);
        await _two.StartAgainAsync();

        await using var client = await RawMqttClient.ConnectAsync(_two.Ports.Mqtt, new ConnectPacket { ClientId = "late", Username = "meanwhile", Password = Password });
        await Eventually.TrueAsync(async () => await ActiveNodesAsync(_admin) is ["one", "two"], "the silo is listed again", 60);
    }

    [Fact]
    public async Task ASecondLiveNodeOfOneName_EndsWithCode2()
    {
        await using var duplicate = BrokerProcess.Launch(cluster.Nodes.Options("one"));

        Assert.Equal(2, await duplicate.WaitForExitAsync(120));
        Assert.Contains("has a live node 'one' already", duplicate.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnEdgeOnlyNode_ShowsHealthAndMetrics_WithoutAToken()
    {
        var port = BrokerPorts.Free();
        var edge = await cluster.Nodes.StartAsync("edge", "edge", ("Chariot:Health:Port", $"{port}"), ("Chariot:Health:BindAddress", "127.0.0.1"));
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };

        Assert.Equal("ready", (string?)JsonNode.Parse(await http.GetStringAsync("readyz"))!["status"]);
        Assert.Equal("alive", (string?)JsonNode.Parse(await http.GetStringAsync("healthz"))!["status"]);
        Assert.Contains("chariot_up 1", await http.GetStringAsync("metrics"), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync("api/v1/nodes")).StatusCode);
        await Eventually.TrueAsync(async () => await ActiveNodesAsync(_admin) is ["edge", "one", "two"], "the edge is listed", 60);

        // An orderly end is known to the others at once.
        Assert.Equal(0, await edge.StopAsync());
        await Eventually.TrueAsync(async () => await ActiveNodesAsync(_admin) is ["one", "two"], "the edge is no longer listed", 60);
    }

    /// <summary>None while the cluster is finding itself again (503).</summary>
    private static async Task<string[]> ActiveNodesAsync(BrokerProcess node)
    {
        var answer = await node.Admin.GetAsync("nodes");
        return answer.Status == HttpStatusCode.ServiceUnavailable
            ? []
            : [.. answer.EnsureSuccess().Body!["items"]!.AsArray().Where(item => (string?)item!["status"] == "active").Select(item => (string)item!["node"]!).Order()];
    }

    public sealed class Fixture : IAsyncLifetime
    {
        private PostgresServer _server = null!;

        internal ClusterNodes Nodes { get; private set; } = null!;

        public BrokerProcess One { get; private set; } = null!;

        public BrokerProcess Two { get; private set; } = null!;

        public BrokerProcess Admin { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            _server = await PostgresServer.StartAsync();
            Nodes = new ClusterNodes("postgres", await _server.CreateDatabaseAsync());
            // The admin host may come first: it waits for a gateway.
            var admin = Nodes.StartAsync("admin", "admin");
            var one = Nodes.StartAsync("one");
            var two = Nodes.StartAsync("two");
            (One, Two, Admin) = (await one, await two, await admin);
        }

        public async Task DisposeAsync()
        {
            await Nodes.DisposeAsync();
            await _server.DisposeAsync();
        }
    }
}
