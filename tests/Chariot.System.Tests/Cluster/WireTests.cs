using System.Text;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;
using Chariot.TestKit.Mqtt;
using Chariot.TestKit.Secrets;
using Chariot.TestKit.Stores;

namespace Chariot.SystemTests.Cluster;

/// <summary>
/// K5: all traffic of a cluster over the life of a certificate, as somebody on the wire reads it. Two silos, an admin host that is no
/// silo, and their PostgreSQL, none of it encrypted but what TLS is asked for.
/// </summary>
public sealed class WireTests
{
    private readonly string _passphrase = "canary passphrase " + Guid.NewGuid().ToString("N");

    [CaptureFact]
    public async Task BetweenSilos_ClientAndAdmin_ThereIsNoKey_ButInAnUploadWithoutTls()
    {
        using var clear = new TestCertificates();
        using var staged = new TestCertificates();
        using var replaced = new TestCertificates();
        await using var server = await PostgresServer.StartAsync();
        await using var nodes = new ClusterNodes("postgres", await server.CreateDatabaseAsync());
        var starting = new[]
        {
            nodes.StartAsync("admin", "admin", ("Chariot:Bootstrap:AllowAnonymous", "true")),
            nodes.StartAsync("one", "edge", ("Chariot:Bootstrap:AllowAnonymous", "true"), ("Chariot:Health:Port", "0")),
            nodes.StartAsync("two", "edge", ("Chariot:Bootstrap:AllowAnonymous", "true"), ("Chariot:Health:Port", "0")),
        };
        var (admin, one, two) = (await starting[0], await starting[1], await starting[2]);
        int[] http = [admin.Ports.Http];
        int[] between = [one.Ports.Silo, two.Ports.Silo, one.Ports.Gateway, two.Ports.Gateway];
        int[] others = [server.Port, admin.Ports.Https, one.Ports.Mqtts, two.Ports.Mqtts, one.Ports.Wss, two.Ports.Wss, one.Ports.Mqtt, two.Ports.Mqtt];
        using var capture = new LoopbackCapture([.. http, .. between, .. others]);

        // The control: over plain HTTP it is there to be read, and the whole of it.
        (await admin.Admin.PutSslAsync(clear.KeyPkcs8Pem, clear.ServerPem, clear.ChainPem)).EnsureSuccess();

        using (var https = new AdminClient(admin.Ports.Https, BrokerOptions.DefaultPassword, trustedRoot: clear.Root))
        {
            (await https.StageAsync("private-key", staged.KeyPkcs1Pem, "k")).EnsureSuccess();
            (await https.StageAsync("server-certificate", staged.ServerPem, "c")).EnsureSuccess();
            (await https.StageAsync("ca-chain", staged.ChainPem, "a")).EnsureSuccess();
            (await https.PostAsync("ssl/setup?replace=true")).EnsureSuccess();
        }

        foreach (var silo in new[] { one, two })
        {
            await using var client = await RawMqttClient.ConnectAsync(silo.Ports.Mqtts, new ConnectPacket { ClientId = "wire" }, staged.Root);
            await client.SubscribeAsync("$SYS/#");
        }

        // Another key, which only a passphrase opens.
        using (var https = new AdminClient(admin.Ports.Https, BrokerOptions.DefaultPassword, trustedRoot: staged.Root))
        {
            (await https.PutSslAsync(replaced.KeyEncryptedPem(_passphrase), replaced.ServerPem, replaced.ChainPem, passphrase: _passphrase)).EnsureSuccess();
            (await https.GetAsync("audit")).EnsureSuccess();
        }

        (await admin.Admin.PostAsync("ssl/key", new { bits = 2048 })).EnsureSuccess();
        (await admin.Admin.GetAsync("ssl")).EnsureSuccess();
        (await admin.Admin.DeleteAsync("ssl")).EnsureSuccess();

        // What it was all about has come by, between the silos and into the store: the certificates, which are no secret.
        foreach (var ports in new[] { between, [server.Port] })
        {
            await Eventually.TrueAsync(() => Seen(capture.Of(ports), staged) && Seen(capture.Of(ports), replaced), "the certificates are seen on the way", 30);
        }

        var scanner = SecretScanner.ForKey(clear.KeyPkcs8Pem);
        var control = scanner.Scan("upload over HTTP", capture.Of(http)).Count;
        byte[] rest = [.. capture.Of(between), .. capture.Of(others)];
        var hits = new[] { scanner, SecretScanner.ForKey(staged.KeyPkcs8Pem), SecretScanner.ForKey(replaced.KeyPkcs8Pem), SecretScanner.ForText("passphrase", _passphrase) }
            .SelectMany((secret, index) => secret.Scan("the wire", rest).Concat(index == 0 ? [] : secret.Scan("HTTP", capture.Of(http)))).ToList();
        Drill.Report($"key on the wire of a cluster: {capture.Of(between).Length >> 10} KiB between silos and from the admin host, {capture.Of(server.Port).Length >> 10} KiB to the store, {rest.Length >> 10} KiB in all, {capture.Lost} bytes missed, {hits.Count} hits; control, an upload over plain HTTP: {control} hits");
        Assert.True(control > 0);
        Assert.Empty(hits);
        Assert.Equal(0, capture.Lost);
    }

    /// <summary>Its fingerprint, which stands beside the sealed key wherever that goes.</summary>
    private static bool Seen(byte[] traffic, TestCertificates certificates) => traffic.AsSpan().IndexOf(Encoding.ASCII.GetBytes(certificates.ServerFingerprint)) >= 0;

    [AttributeUsage(AttributeTargets.Method)]
    private sealed class CaptureFactAttribute : FactAttribute
    {
        public CaptureFactAttribute() => Skip = LoopbackCapture.Unavailable;
    }
}
