using System.Text;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;
using Chariot.TestKit.Mqtt;
using Chariot.TestKit.Secrets;

namespace Chariot.SystemTests.Ssl;

/// <summary>
/// Where the private key and its passphrase go, or rather do not: not one form of them lies in the data directory, the temporary directory, the log
/// or an API answer, neither while SSL is set up nor after Delete.
/// </summary>
public class SecretScanDrill
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task PrivateKey_LeavesNoTrace(bool killed)
    {
        var handshakes = Drill.Pick(100, 1000);
        using var certificates = new TestCertificates();
        using var temporary = new TempDirectory();
        var passphrase = "canary passphrase " + Guid.NewGuid().ToString("N");
        var encrypted = certificates.KeyEncryptedPem(passphrase);
        var scanners = new[] { SecretScanner.ForKey(certificates.KeyPkcs8Pem), SecretScanner.ForText("passphrase", passphrase) };
        var options = BrokerOptions.AllowAnonymous with
        {
            Environment = new Dictionary<string, string>
            {
                ["TMPDIR"] = temporary.Path,
                ["Logging__LogLevel__Default"] = "Trace",
            },
        };
        await using var broker = await BrokerProcess.StartAsync(options);
        var admin = broker.Admin;
        var answers = new StringBuilder();

        // All ways in: three staged files, the key encrypted, then replacements in one request, with the other encoding and encrypted.
        (await admin.StageAsync("private-key", encrypted, "canary.key", passphrase)).EnsureSuccess();
        (await admin.StageAsync("server-certificate", certificates.ServerPem, "canary.crt")).EnsureSuccess();
        (await admin.StageAsync("ca-chain", certificates.ChainPem, "canary-chain.crt")).EnsureSuccess();
        answers.Append((await admin.GetAsync("ssl")).Text);
        answers.Append((await admin.PostAsync("ssl/setup")).EnsureSuccess().Text);
        answers.Append((await admin.PutSslAsync(certificates.KeyPkcs1Pem, certificates.ServerPem, certificates.ChainPem)).EnsureSuccess().Text);
        answers.Append((await admin.PutSslAsync(encrypted, certificates.ServerPem, certificates.ChainPem, passphrase: passphrase)).EnsureSuccess().Text);

        // And ways that fail, for the error paths: another passphrase, and the key in the certificate's slot.
        answers.Append((await admin.ValidateSslAsync(encrypted, certificates.ServerPem, certificates.ChainPem, passphrase + passphrase)).Text);
        answers.Append((await admin.ValidateSslAsync(certificates.KeyPkcs8Pem, certificates.KeyPkcs1Pem, certificates.ChainPem)).Text);
        for (var i = 0; i < handshakes; i++)
        {
            await using var client = await RawMqttClient.ConnectAsync(broker.Ports.Mqtts, new ConnectPacket { ClientId = $"hand{i}" }, certificates.Root);
        }

        if (killed)
        {
            await broker.Kill9Async();
            await broker.StartAgainAsync();
            await using var client = await RawMqttClient.ConnectAsync(broker.Ports.Mqtts, new ConnectPacket { ClientId = "after" }, certificates.Root);
        }

        answers.Append((await broker.Admin.GetAsync("ssl")).Text).Append((await broker.Admin.GetAsync("audit")).Text);
        var whileSetUp = Scan();
        (await broker.Admin.DeleteAsync("ssl")).EnsureSuccess();
        var afterDelete = Scan();
        await broker.StopAsync();
        var afterStop = Scan();

        var planted = Path.Combine(broker.DataDirectory, "planted.bin");
        await File.WriteAllBytesAsync(planted, [.. certificates.KeyPkcs1, .. Encoding.UTF8.GetBytes(passphrase)]);
        var control = Scan();
        File.Delete(planted);

        Drill.Report($"key scan{(killed ? " with kill -9" : "")}: {handshakes} handshakes, hits while set up {whileSetUp.Count}, after delete {afterDelete.Count}, after stop {afterStop.Count}; planted copy: {control.Count} hits");
        Assert.Contains(control, hit => hit.Needle == "passphrase");
        Assert.Contains(control, hit => hit.Needle == "PKCS#1");
        Assert.Empty(whileSetUp);
        Assert.Empty(afterDelete);
        Assert.Empty(afterStop);

        IReadOnlyList<SecretHit> Scan() =>
        [
            .. scanners.SelectMany(scanner => scanner.Scan([broker.DataDirectory, temporary.Path], except: Path.GetFullPath(Path.Combine(broker.DataDirectory, "master.key")))),
            .. scanners.SelectMany(scanner => scanner.Scan("log", Encoding.UTF8.GetBytes(broker.Output))),
            .. scanners.SelectMany(scanner => scanner.Scan("API answers", Encoding.UTF8.GetBytes(answers.ToString()))),
        ];
    }

    [Fact]
    public async Task Passwords_AreNotStoredOrLogged()
    {
        const string MqttPassword = "mqtt-canary-password-77";
        var options = new BrokerOptions
        {
            AdminPassword = "admin-canary-password-99",
            Environment = new Dictionary<string, string> { ["Logging__LogLevel__Default"] = "Trace" },
        };
        await using var broker = await BrokerProcess.StartAsync(options);
        await broker.Admin.CreateCredentialAsync("canary", MqttPassword, ["#"], ["#"]);
        await using (await RawMqttClient.ConnectAsync(broker.Ports.Mqtt, new ConnectPacket { ClientId = "c", Username = "canary", Password = MqttPassword }))
        {
            await broker.StopAsync();
        }

        foreach (var password in new[] { MqttPassword, options.AdminPassword })
        {
            var scanner = SecretScanner.ForText("password", password);
            Assert.Empty(scanner.Scan([broker.DataDirectory]));
            Assert.Empty(scanner.Scan("log", Encoding.UTF8.GetBytes(broker.Output)));
        }
    }
}
