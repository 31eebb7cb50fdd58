using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.ClientCertificates;

/// <summary>Who gets in under which policy, and that HTTPS for administrators never asks.</summary>
public sealed class PolicyTests(ClientCertificateFixture fixture) : IClassFixture<ClientCertificateFixture>
{
    [Fact]
    public async Task Required_WithoutCertificate_FailsTheHandshake_WithoutConnAck()
    {
        await fixture.SetPolicyAsync("required");

        Assert.Null(await fixture.AnswerAsync(null));
        Assert.True(await fixture.IsRefusedOverWebSocketAsync(null));
        using var certificate = fixture.Root.Issue("required-1");
        Assert.Equal(0, await fixture.AnswerAsync(certificate));
        Assert.False(await fixture.IsRefusedOverWebSocketAsync(certificate));
    }

    [Fact]
    public async Task Required_LeavesPlainPortsAndAdminHttpsAlone()
    {
        await fixture.SetPolicyAsync("required");

        await using var plain = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = Unique.Name("plain") });
        using var admin = new AdminClient(fixture.Broker.Ports.Https, BrokerOptions.DefaultPassword, trustedRoot: fixture.Server.Root);
        Assert.Equal("Setup", (string?)(await admin.GetAsync("ssl")).EnsureSuccess().Body!["state"]);
    }

    [Fact]
    public async Task Optional_TakesNoneAndGood_AndIsNotDowngradedByBad()
    {
        await fixture.SetPolicyAsync("optional");
        var now = DateTimeOffset.UtcNow;
        using var good = fixture.Root.Issue("good");
        using var unsaid = fixture.Root.Issue(new X500DistinguishedName("CN=unsaid"), usage: "");
        using var stranger = fixture.Stranger.Issue("good");
        using var server = fixture.Root.Issue(new X500DistinguishedName("CN=server"), usage: TestClientAuthority.ServerAuthentication);
        using var expired = fixture.Root.Issue(new X500DistinguishedName("CN=expired"), notBefore: now.AddDays(-2), notAfter: now.AddMinutes(-5));
        using var early = fixture.Root.Issue(new X500DistinguishedName("CN=early"), notBefore: now.AddDays(1), notAfter: now.AddDays(2));
        using var selfSigned = fixture.Stranger.Issue("self");

        Assert.Equal(0, await fixture.AnswerAsync(null));
        Assert.Equal(0, await fixture.AnswerAsync(good));
        Assert.Equal(0, await fixture.AnswerAsync(unsaid));
        foreach (var bad in new[] { stranger, server, expired, early, selfSigned })
        {
            Assert.Null(await fixture.AnswerAsync(bad));
            Assert.True(await fixture.IsRefusedOverWebSocketAsync(bad), bad.Subject);
        }
    }

    [Fact]
    public async Task Intermediate_IsFoundInTheFile_OrTakenFromTheClient()
    {
        await fixture.SetPolicyAsync("required");
        using var sent = new TestClientAuthority("Sent Intermediate", fixture.Root);
        using var ofKnown = fixture.Intermediate.Issue("below-known");
        using var ofSent = sent.Issue("below-sent");

        Assert.Equal(0, await fixture.AnswerAsync(ofKnown));
        Assert.Equal(0, await fixture.AnswerAsync(ofSent, sent: sent));
        Assert.Null(await fixture.AnswerAsync(ofSent));
    }

    [Fact]
    public async Task None_LooksAtNoCertificate()
    {
        await fixture.SetPolicyAsync("none");
        using var stranger = fixture.Stranger.Issue("whoever");

        Assert.Equal(0, await fixture.AnswerAsync(stranger));
        Assert.Equal(0, await fixture.AnswerAsync(null));
    }

    [Fact]
    public async Task BecomingRequired_ClosesTlsClientsWithoutCertificate_AndNobodyElse()
    {
        await fixture.SetPolicyAsync("optional");
        using var certificate = fixture.Root.Issue("stays");
        await using var without = await fixture.ConnectAsync(Unique.Name("without"));
        await using var with = await fixture.ConnectAsync(Unique.Name("with"), certificate);
        await using var plain = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = Unique.Name("plain") });
        using var socket = await fixture.ConnectWebSocketAsync(Unique.Name("socket"));

        await fixture.SetPolicyAsync("required");

        await ClientCertificateFixture.IsClosedAsync(without);
        await ClientCertificateFixture.IsClosedAsync(socket);
        await ClientCertificateFixture.IsAliveAsync(with);
        await ClientCertificateFixture.IsAliveAsync(plain);
    }

    [Fact]
    public async Task Probe_ReadsTheServedCertificate_WithCertificatesRequired_WithoutAWarning()
    {
        await fixture.SetPolicyAsync("required");
        var before = await RefusedAsync();
        Assert.Null(await fixture.AnswerAsync(null));
        await Eventually.TrueAsync(async () => await RefusedAsync() == before + 1, "the refusal of a client is counted", 30);

        // Replacing it makes every node look at what it serves before the answer.
        using var next = new TestCertificates();
        (await fixture.Admin.PutSslAsync(next.KeyPkcs8Pem, next.ServerPem, next.ChainPem)).EnsureSuccess();
        var probed = (string?)(await fixture.Admin.GetAsync("ssl")).EnsureSuccess().Body!["nodes"]![0]!["probedFingerprint"];
        (await fixture.Admin.PutSslAsync(fixture.Server.KeyPkcs8Pem, fixture.Server.ServerPem, fixture.Server.ChainPem)).EnsureSuccess();

        Assert.Equal(next.ServerFingerprint, probed);
        Assert.Equal(before + 1, await RefusedAsync());

        async Task<long> RefusedAsync()
        {
            var metrics = (await fixture.Admin.GetAsync("../../metrics")).EnsureSuccess().Text;
            return long.Parse(metrics.Split("\nchariot_tls_handshakes_failed_total ")[1].Split('\n')[0], CultureInfo.InvariantCulture);
        }
    }
}
