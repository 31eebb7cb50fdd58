using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Ssl;

/// <summary>The whole way of a key that never leaves the server: made, requested for, served, replaced by the next one.</summary>
public sealed class ServerSideKeyTests : IDisposable
{
    private static readonly object Names = new
    {
        subject = new { cn = "localhost", o = "Plant", c = "DE" },
        dnsNames = new[] { "localhost" },
        ipAddresses = new[] { "127.0.0.1" },
    };

    private readonly TestCertificates _authority = new();
    private readonly TempDirectory _directory = new();
    private readonly StringBuilder _answers = new();

    public void Dispose()
    {
        _authority.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task KeyOfTheServer_IsServedWithItsCertificate_AndReplaced()
    {
        await using var broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous);
        var root = _directory.Write("root.crt", _authority.RootPem);

        // A kill while the CA takes its time: the key is still there.
        Keep(await broker.Admin.PostAsync("ssl/key", new { bits = 3072 }), HttpStatusCode.Created);
        var early = await RequestAsync(broker);
        await broker.Kill9Async();
        await broker.StartAgainAsync();
        using var first = _authority.Sign(early);
        Assert.Equal("Staged", (string?)Keep(await broker.Admin.GetAsync("ssl"))["state"]);
        Assert.Equal(first.PublicKey.ExportSubjectPublicKeyInfo(), PublicKeyOf(await RequestAsync(broker)));

        await StageAsync(broker, "server-certificate", first.ExportCertificatePem());
        await StageAsync(broker, "ca-chain", _authority.ChainPem);
        var setUp = Keep(await broker.Admin.PostAsync("ssl/setup"));
        Assert.Equal("generated on this server", (string?)setUp["files"]!["privateKey"]!["fileName"]);
        await ServesAsync(broker, root, first);

        // The next key is made while the first is served, and taken by a replacement that brings no key.
        Keep(await broker.Admin.PostAsync("ssl/key", new { bits = 2048 }), HttpStatusCode.Created);
        using var second = _authority.Sign(await RequestAsync(broker));
        Assert.NotEqual(first.PublicKey.ExportSubjectPublicKeyInfo(), second.PublicKey.ExportSubjectPublicKeyInfo());
        await using var client = await RawMqttClient.ConnectAsync(broker.Ports.Mqtts, new ConnectPacket { ClientId = "stays" }, _authority.Root);
        Keep(await broker.Admin.PutSslAsync(null, second.ExportCertificatePem() + "\n", _authority.ChainPem));
        await ServesAsync(broker, root, second);
        await client.SubscribeAsync("still/here", 1);

        var history = Keep(await broker.Admin.GetAsync("ssl/history")).AsArray();
        Assert.Equal([Fingerprint(second), Fingerprint(first)], history.Select(row => (string?)row!["sha256Fingerprint"]));
        Assert.Equal([null, "replaced"], history.Select(row => (string?)row!["removal"]));
        Assert.All(history, row => Assert.Equal("admin", (string?)row!["setUpBy"]));
        var left = Keep(await broker.Admin.GetAsync("expiry")).AsArray();
        Assert.Equal(["leaf", "intermediate", "root"], left.Select(row => (string?)row!["kind"]));
        Assert.All(left, row => Assert.Equal("info", (string?)row!["severity"]));
        Keep(await broker.Admin.GetAsync("audit"));
        var nothing = await broker.Admin.PostAsync("ssl/csr", Names);
        Assert.Equal((HttpStatusCode.Conflict, "no-pending-key"), (nothing.Status, nothing.Problem));

        Assert.DoesNotContain("PRIVATE KEY", _answers.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("PRIVATE KEY", broker.Output, StringComparison.Ordinal);
        var stored = Directory.EnumerateFiles(broker.DataDirectory, "*", SearchOption.AllDirectories).Where(file => Path.GetFileName(file) != "master.key");
        Assert.All(stored, file => Assert.True(File.ReadAllBytes(file).AsSpan().IndexOf("PRIVATE KEY"u8) < 0, file));
    }

    private async Task<string> RequestAsync(BrokerProcess broker)
    {
        var answer = (await broker.Admin.PostAsync("ssl/csr", Names)).EnsureSuccess();
        _answers.Append(answer.Text);
        var shown = await Command.RunAsync("openssl", "req", "-in", _directory.Write("request.csr", answer.Text), "-noout", "-verify", "-text");
        Assert.Contains("C=DE, O=Plant, CN=localhost", shown.Output.Replace(" = ", "=", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("sha256WithRSAEncryption", shown.Output, StringComparison.Ordinal);
        Assert.Contains("DNS:localhost, IP Address:127.0.0.1", shown.Output, StringComparison.Ordinal);
        return answer.Text;
    }

    private async Task ServesAsync(BrokerProcess broker, string root, X509Certificate2 certificate)
    {
        foreach (var port in new[] { broker.Ports.Mqtts, broker.Ports.Https })
        {
            var served = await ServedChain.FetchAsync(port, root);
            Assert.Equal([Fingerprint(certificate), Convert.ToHexStringLower(SHA256.HashData(_authority.Intermediate.RawData))], served.Fingerprints);
            Assert.True(served.Verified, $"port {port}");
        }

        var node = Keep(await broker.Admin.GetAsync("ssl"))["nodes"]![0]!;
        Assert.Equal((Fingerprint(certificate), Fingerprint(certificate)), ((string?)node["servedFingerprint"], (string?)node["probedFingerprint"]));
    }

    private async Task StageAsync(BrokerProcess broker, string slot, string pem) => Keep(await broker.Admin.StageAsync(slot, pem + "\n", slot + ".pem"));

    private JsonNode Keep(AdminAnswer answer, HttpStatusCode expected = HttpStatusCode.OK)
    {
        _answers.Append(answer.Text);
        Assert.True(answer.Status == expected, $"{(int)answer.Status}: {answer.Text}");
        return answer.Body!;
    }

    private static byte[] PublicKeyOf(string request) =>
        CertificateRequest.LoadSigningRequestPem(request, HashAlgorithmName.SHA256, signerSignaturePadding: RSASignaturePadding.Pkcs1).PublicKey.ExportSubjectPublicKeyInfo();

    private static string Fingerprint(X509Certificate2 certificate) => Convert.ToHexStringLower(SHA256.HashData(certificate.RawData));
}
