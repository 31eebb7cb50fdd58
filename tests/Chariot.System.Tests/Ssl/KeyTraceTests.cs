using System.Text;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;
using Chariot.TestKit.Mqtt;
using Chariot.TestKit.Secrets;

namespace Chariot.SystemTests.Ssl;

/// <summary>The private key on the wire, in memory and in an old copy of the store; in error paths it is in <see cref="ErrorPathTests"/>.</summary>
public sealed class KeyTraceTests : IDisposable
{
    private static readonly string[] Names = ["localhost"];

    private readonly TestCertificates _certificates = new();
    private readonly TempDirectory _temporary = new();

    public void Dispose()
    {
        _certificates.Dispose();
        _temporary.Dispose();
    }

    /// <summary>K5. One node has no traffic between silos; what its messages hold is the sealed key.</summary>
    [Fact]
    public async Task OnTheWire_ThereIsNoKey_ButInAnUploadWithoutTls()
    {
        using var next = new TestCertificates();
        var scanners = new[] { SecretScanner.ForKey(_certificates.KeyPkcs8Pem), SecretScanner.ForKey(next.KeyPkcs8Pem) };
        await using var broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous);

        // The control: over plain HTTP it is there to be read.
        using var clear = new RecordingProxy(broker.Ports.Http);
        using (var admin = new AdminClient(clear.Port, BrokerOptions.DefaultPassword))
        {
            (await admin.PutSslAsync(_certificates.KeyPkcs8Pem, _certificates.ServerPem, _certificates.ChainPem)).EnsureSuccess();
        }

        using var https = new RecordingProxy(broker.Ports.Https);
        using (var admin = new AdminClient(https.Port, BrokerOptions.DefaultPassword, trustedRoot: _certificates.Root))
        {
            (await admin.StageAsync("private-key", next.KeyPkcs1Pem, "k")).EnsureSuccess();
            (await admin.PutSslAsync(next.KeyPkcs8Pem, next.ServerPem, next.ChainPem)).EnsureSuccess();
        }

        using var mqtts = new RecordingProxy(broker.Ports.Mqtts);
        await using (var client = await RawMqttClient.ConnectAsync(mqtts.Port, new ConnectPacket { ClientId = "wire" }, next.Root))
        {
            await client.SubscribeAsync("$SYS/#");
        }

        // Everything that can be read without TLS, and a key that is made on the server.
        using var reading = new RecordingProxy(broker.Ports.Http);
        using (var admin = new AdminClient(reading.Port, BrokerOptions.DefaultPassword))
        {
            foreach (var path in new[] { "ssl", "ssl/history", "audit", "expiry", "nodes", "settings/tls" })
            {
                (await admin.GetAsync(path)).EnsureSuccess();
            }

            (await admin.PostAsync("ssl/key", new { bits = 2048 })).EnsureSuccess();
            (await admin.PostAsync("ssl/csr", new { subject = new { cn = "localhost" }, dnsNames = Names })).EnsureSuccess();
            (await admin.DeleteAsync("ssl")).EnsureSuccess();
        }

        var hits = new[] { https, mqtts, reading }.Sum(wire => scanners.Sum(scanner => scanner.Scan("wire", wire.Recorded).Count));
        var control = scanners[0].Scan("wire", clear.Recorded).Count;
        Drill.Report($"key on the wire: {https.Recorded.Length + mqtts.Recorded.Length + reading.Recorded.Length} bytes, {hits} hits; control, an upload over plain HTTP: {control} hits");
        Assert.True(control > 0);
        Assert.Equal(0, hits);
        Assert.DoesNotContain("PRIVATE KEY", Encoding.Latin1.GetString(reading.Recorded), StringComparison.Ordinal);
    }

    /// <summary>K6.</summary>
    [Fact]
    public async Task AfterDelete_TheMemoryOfTheProcess_HoldsNoPrime()
    {
        var options = BrokerOptions.AllowAnonymous with { Environment = new Dictionary<string, string> { ["TMPDIR"] = _temporary.Path } };
        await using var broker = await BrokerProcess.StartAsync(options);
        (await broker.Admin.PutSslAsync(_certificates.KeyPkcs8Pem, _certificates.ServerPem, _certificates.ChainPem)).EnsureSuccess();
        for (var i = 0; i < 20; i++)
        {
            await using var client = await RawMqttClient.ConnectAsync(broker.Ports.Mqtts, new ConnectPacket { ClientId = "memory" }, _certificates.Root);
        }

        using (var admin = new AdminClient(broker.Ports.Https, BrokerOptions.DefaultPassword, trustedRoot: _certificates.Root))
        {
            (await admin.GetAsync("ssl")).EnsureSuccess();
        }

        var needles = new[] { _certificates.Key.P!, _certificates.Key.Q! }.SelectMany(Forms).ToArray();
        byte[][] text = [Encoding.ASCII.GetBytes(_certificates.KeyPkcs8Pem.Replace("\n", "", StringComparison.Ordinal)[500..540]), Encoding.ASCII.GetBytes(_certificates.KeyPkcs8Pem.Split('\n')[10])];
        var (whileSetUp, pemWhileSetUp) = (ProcessMemory.Count(broker.Pid, needles).Sum(), ProcessMemory.Count(broker.Pid, text).Sum());
        (await broker.Admin.DeleteAsync("ssl")).EnsureSuccess();

        // The second collection takes what the finalizers of the first have let go.
        var (numbers, pem) = (0, 0);
        var deadline = Deadline.After(Drill.Pick(30, 60));
        do
        {
            await ProcessMemory.CollectGarbageAsync(broker.Pid, _temporary.Path);
            numbers = ProcessMemory.Count(broker.Pid, needles).Sum();
            pem = ProcessMemory.Count(broker.Pid, text).Sum();
        }
        while ((numbers > 0 || pem > 0) && !deadline.Passed);

        Drill.Report($"memory after Delete and full collections: p and q {numbers} times (while set up {whileSetUp}), lines of the uploaded PEM {pem} times ({pemWhileSetUp})");
        Assert.True(whileSetUp > 0, "the scan finds nothing even while the key is in use");
        Assert.Equal(0, numbers);
        Assert.Equal(0, pem);
    }

    /// <summary>K8, the part without backups: a copy of the store from before Delete opens nothing without the master key.</summary>
    [Fact]
    public async Task AnOldCopyOfTheStore_WithoutItsMasterKey_DoesNotServe()
    {
        using var copy = new TempDirectory();
        await using (var broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous))
        {
            (await broker.Admin.PutSslAsync(_certificates.KeyPkcs8Pem, _certificates.ServerPem, _certificates.ChainPem)).EnsureSuccess();
            await broker.StopAsync();
            foreach (var file in Directory.EnumerateFiles(broker.DataDirectory).Where(file => Path.GetFileName(file) != "master.key"))
            {
                File.Copy(file, copy.File(Path.GetFileName(file)));
            }

            await broker.StartAgainAsync();
            (await broker.Admin.DeleteAsync("ssl")).EnsureSuccess();
        }

        await using var old = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous with { DataDirectory = copy.Path });

        foreach (var port in new[] { old.Ports.Mqtts, old.Ports.Wss, old.Ports.Https })
        {
            Assert.Null(await OutsideHandshake.FingerprintAsync(port));
        }

        Assert.Contains("master.key", old.Output, StringComparison.Ordinal);
        Assert.Null((string?)(await old.Admin.GetAsync("ssl")).EnsureSuccess().Body!["nodes"]![0]!["servedFingerprint"]);

        // It can be brought back to order without the key: by another certificate.
        using var next = new TestCertificates();
        (await old.Admin.PutSslAsync(next.KeyPkcs8Pem, next.ServerPem, next.ChainPem)).EnsureSuccess();
        Assert.Equal(next.ServerFingerprint, await OutsideHandshake.FingerprintAsync(old.Ports.Mqtts));
    }

    /// <summary>The number as its bytes, as OpenSSL holds it, and as a library of 32-bit words does.</summary>
    private static IEnumerable<byte[]> Forms(byte[] bigEndian)
    {
        var middle = bigEndian[32..64];
        yield return middle;
        yield return [.. middle.Reverse()];
        yield return [.. middle.Chunk(4).SelectMany(word => word.Reverse())];
    }
}
