using System.IO.Compression;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;
using Chariot.TestKit.Mqtt;
using Chariot.TestKit.Secrets;

namespace Chariot.SystemTests.Ssl;

/// <summary>The private key on the wire, in memory, in error paths and in an old copy of the store.</summary>
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

    /// <summary>K7: the same canary key through every way of being wrong, with everything logged.</summary>
    [Fact]
    public async Task ErrorPaths_TellNothingOfTheKey()
    {
        var options = BrokerOptions.AllowAnonymous with
        {
            Environment = new Dictionary<string, string> { ["TMPDIR"] = _temporary.Path, ["Logging__LogLevel__Default"] = "Trace", ["Logging__LogLevel__Microsoft.AspNetCore"] = "Trace" },
        };
        await using var broker = await BrokerProcess.StartAsync(options);
        var scanner = SecretScanner.ForKey(_certificates.KeyPkcs8Pem);
        var answers = new StringBuilder();
        var inputs = Wrong().ToList();
        foreach (var (name, key) in inputs)
        {
            foreach (var answer in new[]
            {
                await broker.Admin.StageAsync("private-key", key, name),
                await broker.Admin.StageAsync("server-certificate", key, name),
                await broker.Admin.StageAsync("ca-chain", key, name),
                await broker.Admin.PutSslAsync(key, _certificates.ServerPem, _certificates.ChainPem),
                await broker.Admin.PutSslAsync(_certificates.KeyPkcs8Pem, key, _certificates.ChainPem),
                await broker.Admin.PutSslAsync(_certificates.KeyPkcs8Pem, _certificates.ServerPem, key),
                await broker.Admin.ValidateSslAsync(key, key, key),
            })
            {
                Assert.True((int)answer.Status < 500, $"{name}: {answer.Text}");
                answers.Append(answer.Text);
            }
        }

        // As JSON instead of a form, in a field of another call, as a file name, and as a query.
        foreach (var answer in new[]
        {
            await broker.Admin.PutAsync("ssl", new { privateKey = _certificates.KeyPkcs8Pem }),
            await broker.Admin.PutAsync("settings/tls", new { minVersion = _certificates.KeyPkcs8Pem }),
            await broker.Admin.PostAsync("ssl/csr", new { subject = new { cn = _certificates.KeyPkcs8Pem } }),
        })
        {
            Assert.InRange((int)answer.Status, 400, 499);
            answers.Append(answer.Text);
        }

        answers.Append((await broker.Admin.GetAsync("ssl")).Text).Append((await broker.Admin.GetAsync("audit")).Text);
        await broker.StopAsync();
        var hits = scanner.Scan("answers", Encoding.UTF8.GetBytes(answers.ToString()))
            .Concat(scanner.Scan("log", Encoding.UTF8.GetBytes(broker.Output)))
            .Concat(scanner.Scan([broker.DataDirectory, _temporary.Path], except: Path.GetFullPath(Path.Combine(broker.DataDirectory, "master.key"))))
            .ToList();
        Drill.Report($"error paths: {inputs.Count} wrong inputs in 7 calls each, {broker.Output.Length >> 10} KiB of trace log, {hits.Count} hits");
        Assert.Empty(hits);
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

    private IEnumerable<(string Name, string Content)> Wrong()
    {
        var pem = _certificates.KeyPkcs8Pem;
        var der = _certificates.KeyPkcs8;
        using var rsa = RSA.Create();
        rsa.ImportFromPem(pem);
        using var other = RSA.Create(2048);
        using var curve = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var withKey = _certificates.Server.CopyWithPrivateKey(rsa);
        static string Latin(byte[] bytes) => Encoding.Latin1.GetString(bytes);
        static string Wrap(string label, byte[] bytes) => new string(PemEncoding.Write(label, bytes)) + "\n";

        yield return ("der.pem", Latin(der));
        yield return ("pkcs1.der", Latin(_certificates.KeyPkcs1));
        yield return ("store.p12", Latin(withKey.Export(X509ContentType.Pkcs12, "pass")));
        yield return ("encrypted.key", rsa.ExportEncryptedPkcs8PrivateKeyPem("pass", new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000)));
        yield return ("cut.key", pem[..(pem.Length / 2)]);
        yield return ("no-end.key", pem[..pem.IndexOf("-----END", StringComparison.Ordinal)]);
        yield return ("label.key", pem.Replace("END PRIVATE KEY", "END RSA PRIVATE KEY", StringComparison.Ordinal));
        yield return ("unknown.key", pem.Replace("PRIVATE KEY", "SECRET KEY", StringComparison.Ordinal));
        yield return ("openssh.key", pem.Replace("PRIVATE KEY", "OPENSSH PRIVATE KEY", StringComparison.Ordinal));
        yield return ("proc-type.key", _certificates.KeyPkcs1Pem.Replace("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n", StringComparison.Ordinal));
        yield return ("character.key", pem.Insert(400, "*"));
        yield return ("two.key", pem + other.ExportPkcs8PrivateKeyPem());
        yield return ("with-curve.key", pem + curve.ExportPkcs8PrivateKeyPem());
        yield return ("combined.pem", pem + _certificates.ServerPem + _certificates.ChainPem);
        yield return ("trailing.key", Wrap("PRIVATE KEY", [.. der, 1, 2, 3]));
        yield return ("as-certificate.pem", Wrap("CERTIFICATE", der));
        yield return ("as-request.pem", Wrap("CERTIFICATE REQUEST", der));
        yield return ("as-public.pem", Wrap("PUBLIC KEY", der));
        yield return ("as-ec.pem", Wrap("EC PRIVATE KEY", der));
        yield return ("utf16.key", Latin(Encoding.Unicode.GetPreamble()) + Latin(Encoding.Unicode.GetBytes(pem)));
        yield return ("page.html", $"<!DOCTYPE html><html><pre>{pem}</pre></html>");
        yield return ("archive.gz", Latin(Pack(Encoding.ASCII.GetBytes(pem))));
        yield return ("key.jwk", JsonSerializer.Serialize(new { kty = "RSA", d = _certificates.Key.D, p = _certificates.Key.P, q = _certificates.Key.Q }));
        yield return ("hex.txt", Convert.ToHexString(der));
        yield return ("large.key", pem + new string(' ', 300 * 1024));

        foreach (var part in new[] { _certificates.Key.Q!, _certificates.Key.InverseQ!, _certificates.Key.D! })
        {
            // A number that is not the one that belongs here.
            var wrong = _certificates.KeyPkcs1;
            wrong[wrong.AsSpan().IndexOf(part) + part.Length - 5] ^= 0x10;
            yield return ("inconsistent.key", Wrap("RSA PRIVATE KEY", wrong));
        }

        // rsaEncryption (1.2.840.113549.1.1.1) turned into id-RSASSA-PSS.
        var pss = _certificates.KeyPkcs8;
        pss[pss.AsSpan().IndexOf((ReadOnlySpan<byte>)[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01]) + 8] = 0x0A;
        yield return ("pss.key", Wrap("PRIVATE KEY", pss));
    }

    private static byte[] Pack(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal))
        {
            gzip.Write(bytes);
        }

        return packed.ToArray();
    }
}
