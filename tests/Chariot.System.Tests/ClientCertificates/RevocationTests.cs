using System.Net;
using System.Security.Cryptography.X509Certificates;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.ClientCertificates;

/// <summary>
/// A certificate that is withdrawn ends its clients' connections, on every port, before the API answers; nobody else notices.
/// </summary>
public sealed class RevocationTests(ClientCertificateFixture fixture) : IClassFixture<ClientCertificateFixture>
{
    [Theory]
    [InlineData("optional")]
    [InlineData("required")]
    public async Task RevokedSerial_ClosesItsClients_OnTcpAndWebSocket_AndOthersStay(string policy)
    {
        await fixture.SetPolicyAsync(policy);
        using var lost = fixture.Root.Issue("lost");
        using var kept = fixture.Root.Issue("kept");
        await using var lostTcp = await fixture.ConnectAsync(Unique.Name("lost"), lost);
        using var lostSocket = await fixture.ConnectWebSocketAsync(Unique.Name("lost"), lost);
        await using var keptTcp = await fixture.ConnectAsync(Unique.Name("kept"), kept);
        using var keptSocket = await fixture.ConnectWebSocketAsync(Unique.Name("kept"), kept);
        await using var plain = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = Unique.Name("plain") });
        var serial = TestClientAuthority.SerialOf(lost);

        var answer = (await fixture.Admin.PostAsync("client-ca/revoked/" + lost.SerialNumber)).EnsureSuccess();

        Assert.True((bool)answer.Body!["nodes"]![0]!["applied"]!);
        await ClientCertificateFixture.IsClosedAsync(lostTcp);
        await ClientCertificateFixture.IsClosedAsync(lostSocket);
        await ClientCertificateFixture.IsAliveAsync(keptTcp);
        await ClientCertificateFixture.IsAliveAsync(keptSocket);
        await ClientCertificateFixture.IsAliveAsync(plain);
        Assert.Null(await fixture.AnswerAsync(lost));
        Assert.True(await fixture.IsRefusedOverWebSocketAsync(lost));
        Assert.Equal(HttpStatusCode.OK, (await fixture.Admin.GetAsync("client-ca/revoked/" + serial)).Status);
        Assert.Contains(serial, (await fixture.Admin.GetAsync("client-ca/revoked")).EnsureSuccess().Text, StringComparison.Ordinal);

        Assert.Equal(HttpStatusCode.NoContent, (await fixture.Admin.DeleteAsync("client-ca/revoked/" + serial)).Status);

        Assert.Equal(0, await fixture.AnswerAsync(lost));
        Assert.Equal(HttpStatusCode.NotFound, (await fixture.Admin.DeleteAsync("client-ca/revoked/" + serial)).Status);
    }

    [Fact]
    public async Task RevocationList_ClosesItsClients_AndANewerOneTakesItsPlace()
    {
        await fixture.SetPolicyAsync("required");
        using var lost = fixture.Intermediate.Issue("lost");
        using var kept = fixture.Intermediate.Issue("kept");
        using var sameSerial = fixture.Root.Issue(new X500DistinguishedName("CN=same serial"), serial: lost.SerialNumberBytes.ToArray());
        await using var lostTcp = await fixture.ConnectAsync(Unique.Name("lost"), lost);
        using var lostSocket = await fixture.ConnectWebSocketAsync(Unique.Name("lost"), lost);
        await using var keptTcp = await fixture.ConnectAsync(Unique.Name("kept"), kept);
        await using var ofOtherCa = await fixture.ConnectAsync(Unique.Name("same"), sameSerial);
        var path = "client-ca/crls/" + fixture.Intermediate.Sha256;

        var answer = (await fixture.Admin.PutFileAsync(path, fixture.Intermediate.Revoke(5, [lost]), "clients.crl")).EnsureSuccess();

        Assert.Equal(("05", 1), ((string?)answer.Body!["number"], (int)answer.Body["entries"]!));
        await ClientCertificateFixture.IsClosedAsync(lostTcp);
        await ClientCertificateFixture.IsClosedAsync(lostSocket);
        await ClientCertificateFixture.IsAliveAsync(keptTcp);
        await ClientCertificateFixture.IsAliveAsync(ofOtherCa);
        Assert.Null(await fixture.AnswerAsync(lost));

        // An older list would bring the revoked one back.
        var older = await fixture.Admin.PutFileAsync(path, fixture.Intermediate.Revoke(4, []), "old.crl");
        Assert.Equal((HttpStatusCode.BadRequest, "crl.number"), (older.Status, (string?)older.Body!["findings"]![0]!["code"]));
        Assert.Null(await fixture.AnswerAsync(lost));

        (await fixture.Admin.PutFileAsync(path, System.Text.Encoding.ASCII.GetBytes(new string(System.Security.Cryptography.PemEncoding.Write("X509 CRL", fixture.Intermediate.Revoke(6, [kept])))), "clients.pem")).EnsureSuccess();
        await ClientCertificateFixture.IsClosedAsync(keptTcp);
        Assert.Equal(0, await fixture.AnswerAsync(lost));
        Assert.Equal(HttpStatusCode.NoContent, (await fixture.Admin.DeleteAsync(path)).Status);
        Assert.Equal(0, await fixture.AnswerAsync(kept));
        Assert.Equal(HttpStatusCode.NotFound, (await fixture.Admin.GetAsync(path)).Status);
    }

    [Fact]
    public async Task OverdueList_IsStillEnforced_AndSaysSo()
    {
        await fixture.SetPolicyAsync("required");
        using var lost = fixture.OtherRoot.Issue("lost");
        using var kept = fixture.OtherRoot.Issue("kept");
        var path = "client-ca/crls/" + fixture.OtherRoot.Sha256;
        var now = DateTimeOffset.UtcNow;

        (await fixture.Admin.PutFileAsync(path, fixture.OtherRoot.Revoke(1, [lost], now.AddMinutes(-5), now.AddDays(-8)), "clients.crl")).EnsureSuccess();

        Assert.Null(await fixture.AnswerAsync(lost));
        Assert.Equal(0, await fixture.AnswerAsync(kept));
        Assert.Equal("crl.expired", (string?)(await fixture.Admin.GetAsync(path)).EnsureSuccess().Body!["findings"]![0]!["code"]);
        var expiry = (await fixture.Admin.GetAsync("expiry")).EnsureSuccess().Body!.AsArray();
        Assert.Equal("error", (string?)expiry.Single(entry => (string?)entry!["kind"] == "crl" && (int)entry["daysLeft"]! == -1)!["severity"]);
        Assert.Contains(expiry, entry => (string?)entry!["kind"] == "client-ca");
        Assert.Contains(expiry, entry => (string?)entry!["kind"] == "client-certificate" && (string?)entry["subject"] == "CN=kept");
        (await fixture.Admin.DeleteAsync(path)).EnsureSuccess();
    }

    [Fact]
    public async Task BadRevocationList_IsAFinding_NeverACrash()
    {
        await fixture.SetPolicyAsync("required");
        using var client = fixture.Root.Issue("client");
        await using var connected = await fixture.ConnectAsync(Unique.Name("client"), client);
        var path = "client-ca/crls/" + fixture.Root.Sha256;
        var good = fixture.Root.Revoke(1, [client]);
        byte[] forged = [.. good];
        forged[^1] ^= 1;

        foreach (var (bytes, code) in new (byte[], string)[]
        {
            ([], "file.empty"),
            (good[..^7], "file.asn1"),
            (forged, "crl.signature"),
            (fixture.Stranger.Revoke(1, [client]), "crl.signature"),
            (fixture.OtherRoot.Revoke(1, [client]), "crl.issuer"),
            (fixture.Root.PemBytes, "file.label"),
            (fixture.Root.Certificate.RawData, "crl.not-a-crl"),
            (System.Text.Encoding.ASCII.GetBytes("<html>no such file</html>"), "file.html"),
            (new byte[4096], "file.binary"),
        })
        {
            var answer = await fixture.Admin.PutFileAsync(path, bytes, "bad.crl");
            Assert.True(answer.Status == HttpStatusCode.BadRequest && (string?)answer.Body!["findings"]![0]!["code"] == code, $"{code}: {answer.Status} {answer.Text}");
            Assert.Equal("crl", (string?)answer.Body["findings"]![0]!["file"]);
        }

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await fixture.Admin.PutFileAsync(path, new byte[(4 * 1024 * 1024) + 1], "large.crl")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await fixture.Admin.PutFileAsync("client-ca/crls/" + fixture.Stranger.Sha256, good, "other.crl")).Status);
        await ClientCertificateFixture.IsAliveAsync(connected);
    }

    [Fact]
    public async Task RemovedCa_ClosesItsClients_AndOthersStay()
    {
        await fixture.SetPolicyAsync("required");
        using var below = fixture.Intermediate.Issue("below");
        using var kept = fixture.Root.Issue("kept");
        await using var belowTcp = await fixture.ConnectAsync(Unique.Name("below"), below);
        using var belowSocket = await fixture.ConnectWebSocketAsync(Unique.Name("below"), below);
        await using var keptTcp = await fixture.ConnectAsync(Unique.Name("kept"), kept);
        using var keptSocket = await fixture.ConnectWebSocketAsync(Unique.Name("kept"), kept);

        // The root above it stays: what its clients do not send is missing from now on.
        await fixture.TrustAsync(fixture.Root, fixture.OtherRoot);

        await ClientCertificateFixture.IsClosedAsync(belowTcp);
        await ClientCertificateFixture.IsClosedAsync(belowSocket);
        await ClientCertificateFixture.IsAliveAsync(keptTcp);
        Assert.Null(await fixture.AnswerAsync(below));
        Assert.Equal(0, await fixture.AnswerAsync(below, sent: fixture.Intermediate));

        Assert.Equal(HttpStatusCode.NoContent, (await fixture.Admin.DeleteAsync("client-ca")).Status);

        await ClientCertificateFixture.IsClosedAsync(keptTcp);
        await ClientCertificateFixture.IsClosedAsync(keptSocket);
        Assert.Null(await fixture.AnswerAsync(kept));
        await fixture.TrustAsync(fixture.Root, fixture.OtherRoot, fixture.Intermediate);
        Assert.Equal(0, await fixture.AnswerAsync(kept));
    }

    [Fact]
    public async Task AuthorityFile_OfClients_IsRefusedWithFindings()
    {
        using var client = fixture.Root.Issue("client");

        var leaf = await fixture.Admin.PutFileAsync("client-ca", System.Text.Encoding.ASCII.GetBytes(client.ExportCertificatePem()), "client.pem");
        var orphan = await fixture.Admin.PutFileAsync("client-ca", fixture.Intermediate.PemBytes, "intermediate.pem");

        Assert.Equal((HttpStatusCode.BadRequest, "client-ca.not-a-ca"), (leaf.Status, (string?)leaf.Body!["findings"]![0]!["code"]));
        Assert.Equal((HttpStatusCode.BadRequest, "client-ca.no-issuer"), (orphan.Status, (string?)orphan.Body!["findings"]![0]!["code"]));
        Assert.Equal(3, (await fixture.Admin.GetAsync("client-ca")).EnsureSuccess().Body!["certificates"]!.AsArray().Count);
    }

    [Fact]
    public async Task Revocation_SurvivesRestart()
    {
        await fixture.SetPolicyAsync("required");
        using var lost = fixture.Root.Issue("lost");
        using var kept = fixture.Root.Issue("kept");
        (await fixture.Admin.PostAsync("client-ca/revoked/" + lost.SerialNumber)).EnsureSuccess();

        await fixture.Broker.Kill9Async();
        await fixture.Broker.StartAgainAsync();

        Assert.Null(await fixture.AnswerAsync(lost));
        Assert.Equal(0, await fixture.AnswerAsync(kept));
    }
}
