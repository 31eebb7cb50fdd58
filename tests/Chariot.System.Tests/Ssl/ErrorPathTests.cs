using System.IO.Compression;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Chariot.SystemTests.Telemetry;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;
using Chariot.TestKit.Mqtt;
using Chariot.TestKit.Secrets;

namespace Chariot.SystemTests.Ssl;

/// <summary>
/// K7: a canary key and its passphrase through every way of being wrong, with everything logged and all of it exported over OTLP. Neither is in an answer,
/// the log, what was exported, the store or a temporary file.
/// </summary>
public sealed class ErrorPathTests : IDisposable
{
    private readonly TestCertificates _certificates = new();
    private readonly TempDirectory _temporary = new();
    private readonly string _passphrase = "canary passphrase " + Guid.NewGuid().ToString("N");
    private readonly StringBuilder _answers = new();

    public void Dispose()
    {
        _certificates.Dispose();
        _temporary.Dispose();
    }

    [Fact]
    public async Task ErrorPaths_TellNothingOfTheKey_NorOfItsPassphrase()
    {
        await using var receiver = await OtlpReceiver.StartAsync();
        var options = BrokerOptions.AllowAnonymous with
        {
            Environment = new Dictionary<string, string>
            {
                ["TMPDIR"] = _temporary.Path,
                ["Logging__LogLevel__Default"] = "Trace",
                ["Logging__LogLevel__Microsoft"] = "Trace",
                ["Logging__LogLevel__Orleans"] = "Trace",
                ["Chariot__Telemetry__OtlpEndpoint"] = receiver.Endpoint,
                ["OTEL_METRIC_EXPORT_INTERVAL"] = "1000",
                ["OTEL_BLRP_SCHEDULE_DELAY"] = "100",
                ["OTEL_BLRP_MAX_QUEUE_SIZE"] = "200000",
            },
        };
        await using var broker = await BrokerProcess.StartAsync(options);
        var scanners = new[] { SecretScanner.ForKey(_certificates.KeyPkcs8Pem), SecretScanner.ForKey(TestPki.KeyPem), SecretScanner.ForKey(TestPki.OtherKeyPem), SecretScanner.ForText("passphrase", _passphrase) };
        var inputs = Wrong().ToList();
        foreach (var (name, key) in inputs)
        {
            Keep(name, await broker.Admin.StageAsync("private-key", key, name));
            Keep(name, await broker.Admin.StageAsync("private-key", key, name, _passphrase));
            Keep(name, await broker.Admin.StageAsync("private-key", key, name, _passphrase + " not"));
            Keep(name, await broker.Admin.StageAsync("server-certificate", key, name));
            Keep(name, await broker.Admin.StageAsync("server-certificate", key, name, _passphrase));
            Keep(name, await broker.Admin.StageAsync("ca-chain", key, name));
            Keep(name, await broker.Admin.PutSslAsync(key, _certificates.ServerPem, _certificates.ChainPem));
            Keep(name, await broker.Admin.PutSslAsync(key, _certificates.ServerPem, _certificates.ChainPem, passphrase: _passphrase + " not"));
            Keep(name, await broker.Admin.PutSslAsync(_certificates.KeyPkcs8Pem, key, _certificates.ChainPem));
            Keep(name, await broker.Admin.PutSslAsync(_certificates.KeyPkcs8Pem, _certificates.ServerPem, key));
            Keep(name, await broker.Admin.ValidateSslAsync(key, key, key, _passphrase));
        }

        // Every row of the table that is refused.
        var rows = BundleTable.Cases.Where(row => row.Value.IsError).ToList();
        foreach (var (name, row) in rows)
        {
            var files = row.Files;
            Keep(name, await broker.Admin.PutSslAsync(files.Key, files.Certificate, files.Chain, passphrase: files.Passphrase));
        }

        // As JSON instead of a form, in a field of another call, and as a query.
        foreach (var secret in new[] { _certificates.KeyPkcs8Pem, _passphrase })
        {
            Refused(await broker.Admin.PutAsync("ssl", new { privateKey = secret, passphrase = secret }));
            Refused(await broker.Admin.PutAsync("settings/tls", new { minVersion = secret }));
            Refused(await broker.Admin.PostAsync("ssl/csr", new { subject = new { cn = "localhost", c = secret } }));
        }

        _answers.Append((await broker.Admin.GetAsync("ssl")).Text).Append((await broker.Admin.GetAsync("audit")).Text);

        // The control: what is logged arrives, and is found there.
        using var planted = RSA.Create(2048);
        var window = Convert.ToBase64String(planted.ExportPkcs8PrivateKey())[600..660];
        await using (var client = await RawMqttClient.ConnectAsync(broker.Ports.Mqtt, new ConnectPacket { ClientId = window }))
        {
            await client.DisconnectAsync();
        }

        await Eventually.TrueAsync(() => receiver.Received("logs").AsSpan().IndexOf(Encoding.ASCII.GetBytes(window)) >= 0 && receiver.Received("metrics").Length > 0, "logs and metrics arrive", 60);
        await broker.StopAsync(60);
        var exported = receiver.ReceivedAll;
        Assert.NotEmpty(SecretScanner.ForKey(planted).Scan("exported", exported));
        Assert.True(exported.AsSpan().IndexOf("tls-bundle-invalid"u8) >= 0 || exported.AsSpan().IndexOf("/api/v1/ssl"u8) >= 0, "the calls were not logged");

        var hits = scanners.SelectMany(scanner => scanner.Scan("answers", Encoding.UTF8.GetBytes(_answers.ToString()))
            .Concat(scanner.Scan("log", Encoding.UTF8.GetBytes(broker.Output)))
            .Concat(scanner.Scan("exported", exported))
            .Concat(scanner.Scan([broker.DataDirectory, _temporary.Path], except: Path.GetFullPath(Path.Combine(broker.DataDirectory, "master.key"))))).ToList();
        Drill.Report($"error paths: {inputs.Count} wrong inputs in 11 calls each and {rows.Count} rows of the table, {broker.Output.Length >> 10} KiB of trace log, {exported.Length >> 10} KiB exported, {hits.Count} hits");
        Assert.Empty(hits);
    }

    private void Keep(string name, AdminAnswer answer)
    {
        Assert.True((int)answer.Status < 500, $"{name}: {answer.Text}");
        _answers.Append(answer.Text);
    }

    private void Refused(AdminAnswer answer)
    {
        Assert.InRange((int)answer.Status, 400, 499);
        _answers.Append(answer.Text);
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
        yield return ("encrypted.key", _certificates.KeyEncryptedPem(_passphrase));
        yield return ("passphrase.key", _passphrase);
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
