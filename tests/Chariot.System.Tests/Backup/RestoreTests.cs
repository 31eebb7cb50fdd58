using System.Net;
using System.Text;
using Chariot.SystemTests.Ssl;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;
using Chariot.TestKit.Mqtt;
using Chariot.TestKit.Secrets;

namespace Chariot.SystemTests.Backup;

/// <summary>A backup of one broker, restored on a new one: the same credentials, rights and certificate, and no key on the way that was not asked for.</summary>
public class RestoreTests
{
    private const string Password = "press-password-1";

    [Fact]
    public async Task AfterAWipe_OldPasswords_Acls_AndTheAnonymousMapping_AreInForceAgain()
    {
        using var files = new TempDirectory();
        var file = files.File("chariot.backup");
        await using (var old = await BrokerProcess.StartAsync())
        {
            await old.Admin.CreateCredentialAsync("press", Password, ["plant/#"], ["plant/#"]);
            await old.Admin.CreateCredentialAsync("guest", "guest-password", ["lobby"], ["lobby"]);
            await old.Admin.SetAnonymousAsync(true, "guest");
            var saved = (await BackupFiles.RunAsync(old, BackupFiles.Passphrase, "backup", "--out", file)).EnsureSuccess();
            Assert.Contains("encrypted", saved.Output, StringComparison.Ordinal);
            Assert.Equal("600", (await Command.RunAsync("stat", "-c", "%a", file)).EnsureSuccess().Output.Trim());
            // Nothing is overwritten.
            Assert.Equal(2, (await BackupFiles.RunAsync(old, BackupFiles.Passphrase, "backup", "--out", file)).ExitCode);
        }

        await using var fresh = await BrokerProcess.StartAsync(new BrokerOptions { AdminPassword = "another-password-9" });
        await fresh.Admin.CreateCredentialAsync("stranger", "stranger-password", ["#"], ["#"]);
        var before = Revision(await fresh.Admin.GetAsync("ssl"));

        // Nobody to ask, and no word given.
        Assert.Equal(2, (await BackupFiles.RunAsync(fresh, BackupFiles.Passphrase, "restore", file)).ExitCode);
        Assert.Equal(1, (await BackupFiles.RunAsync(fresh, "wrong horse battery", "restore", file, "--yes")).ExitCode);
        var restored = (await BackupFiles.RunAsync(fresh, BackupFiles.Passphrase, "restore", file, "--yes")).EnsureSuccess();
        Assert.Contains("2, 1 removed", restored.Output, StringComparison.Ordinal);

        await using (var press = await ConnectAsync(fresh, "press", "press", Password))
        {
            Assert.Equal(0x00, await press.SubscribeAsync("plant/1"));
            Assert.Equal(0x87, await press.SubscribeAsync("other/1"));
        }

        await using (var guest = await ConnectAsync(fresh, "guest", null, null))
        {
            Assert.Equal(0x00, await guest.SubscribeAsync("lobby"));
            Assert.Equal(0x87, await guest.SubscribeAsync("plant/1"));
        }

        await Assert.ThrowsAnyAsync<Exception>(() => ConnectAsync(fresh, "s", "stranger", "stranger-password"));
        // The accounts are those of the backup.
        using var admin = new AdminClient(fresh.Ports.Http, BrokerOptions.DefaultPassword);
        await admin.LoginAsync();
        Assert.True(Revision(await admin.GetAsync("ssl")) > before);
        Assert.Equal(HttpStatusCode.Unauthorized, (await fresh.Admin.TryLoginAsync()).Status);
        var audit = (await admin.GetAsync("audit")).EnsureSuccess().Text;
        Assert.Contains("\"restore\"", audit, StringComparison.Ordinal);
        Assert.DoesNotContain("scram-sha256", audit, StringComparison.Ordinal);

        // All of it survives a restart.
        await fresh.RestartAsync();
        await using var again = await ConnectAsync(fresh, "press", "press", Password);
    }

    /// <summary>K8: a backup from before Delete does not bring the deleted key back in silence.</summary>
    [Fact]
    public async Task ABackupFromBeforeDelete_ServesItsKey_OnAnExplicitWordOnly()
    {
        using var certificates = new TestCertificates();
        using var files = new TempDirectory();
        await using var broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous with
        {
            Environment = new Dictionary<string, string> { ["TMPDIR"] = files.Path, ["Logging__LogLevel__Default"] = "Trace" },
        });
        (await broker.Admin.PutSslAsync(certificates.KeyPkcs8Pem, certificates.ServerPem, certificates.ChainPem)).EnsureSuccess();
        var path = files.File("with-key.backup");
        (await BackupFiles.RunAsync(broker, BackupFiles.Passphrase, "backup", "--out", path, "--with-key")).EnsureSuccess();
        var withKey = await File.ReadAllBytesAsync(path);
        var without = await BackupFiles.SaveAsync(broker, null, includeKey: false);
        Assert.Equal(2, (await BackupFiles.RunAsync(broker, null, "backup", "--out", files.File("none"), "--with-key")).ExitCode);

        Assert.Equal("already-set-up", (await BackupFiles.RestoreAsync(broker, withKey, BackupFiles.Passphrase)).Problem);
        (await broker.Admin.DeleteAsync("ssl")).EnsureSuccess();

        var unasked = await BackupFiles.RestoreAsync(broker, withKey, BackupFiles.Passphrase);
        Assert.Equal((HttpStatusCode.Conflict, "key-was-deleted"), (unasked.Status, unasked.Problem));
        Assert.Contains("ssl.key-deleted", unasked.Text, StringComparison.Ordinal);
        Assert.Contains((string)unasked.Body!["findings"]![0]!["message"]!, (string)unasked.Body["detail"]!, StringComparison.Ordinal);
        var unconfirmed = await BackupFiles.RunAsync(broker, BackupFiles.Passphrase, "restore", path, "--yes");
        Assert.Equal(1, unconfirmed.ExitCode);
        Assert.Contains("was deleted here", unconfirmed.Errors, StringComparison.Ordinal);
        Assert.Null(await OutsideHandshake.FingerprintAsync(broker.Ports.Mqtts));
        Assert.Equal("backup-invalid", (await BackupFiles.RestoreAsync(broker, withKey, null, "?confirmKey=true")).Problem);
        (await BackupFiles.RestoreAsync(broker, without, null)).EnsureSuccess();
        Assert.Null(await OutsideHandshake.FingerprintAsync(broker.Ports.Mqtts));

        var scanner = SecretScanner.ForKey(certificates.KeyPkcs8Pem);
        var key = Path.GetFullPath(Path.Combine(broker.DataDirectory, "master.key"));
        Assert.Empty(scanner.Scan([broker.DataDirectory, files.Path], except: key));
        Assert.Empty(scanner.Scan("backup without a key", without));
        Assert.Empty(scanner.Scan("log", Encoding.UTF8.GetBytes(broker.Output)));

        (await BackupFiles.RunAsync(broker, BackupFiles.Passphrase, "restore", path, "--yes", "--confirm-key")).EnsureSuccess();
        Assert.Equal(certificates.ServerFingerprint, await OutsideHandshake.FingerprintAsync(broker.Ports.Mqtts));
        await using (await RawMqttClient.ConnectAsync(broker.Ports.Mqtts, new ConnectPacket { ClientId = "tls" }, certificates.Root))
        {
            // Over a set-up only when told to, and then in place.
            Assert.Equal("already-set-up", (await BackupFiles.RestoreAsync(broker, without, null)).Problem);
            (await BackupFiles.RestoreAsync(broker, withKey, BackupFiles.Passphrase, "?replace=true&confirmKey=true")).EnsureSuccess();
        }

        await broker.RestartAsync();
        Assert.Equal(certificates.ServerFingerprint, await OutsideHandshake.FingerprintAsync(broker.Ports.Mqtts));
        Assert.Empty(scanner.Scan([broker.DataDirectory, files.Path], except: key));
    }

    [Fact]
    public async Task KilledWhileItRestores_TheBroker_HasTheOldConfigurationOrTheNewOne()
    {
        var random = new Random(Drill.Seed);
        await using var broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous);
        string[] publishAcl = ["saved"], subscribeAcl = [];
        for (var i = 0; i < 40; i++)
        {
            // Generated passwords: typed ones are slow to hash.
            (await broker.Admin.PostAsync("credentials", new { username = $"c{i:00}", publishAcl, subscribeAcl })).EnsureSuccess();
        }

        var file = await BackupFiles.SaveAsync(broker, null, includeKey: false);
        for (var round = 0; round < Drill.Pick(2, 20); round++)
        {
            for (var i = 0; i < 40; i++)
            {
                await broker.Admin.SetAclAsync($"c{i:00}", ["now"], []);
            }

            var restoring = BackupFiles.RestoreAsync(broker, file, null);
            await Task.WhenAny(restoring, broker.Admin.GetAsync("ssl/history"));
            for (var spins = random.Next(50); spins > 0 && !restoring.IsCompleted; spins--)
            {
                await broker.Admin.GetRootAsync("healthz");
            }

            await broker.Kill9Async();
            await restoring.ContinueWith(_ => { }, TaskScheduler.Default);
            await broker.StartAgainAsync();
            var answer = (await broker.Admin.GetAsync("credentials?limit=500")).EnsureSuccess();
            var acls = answer.Body!["items"]!.AsArray().Select(item => (string)item!["publishAcl"]![0]!).ToList();
            Assert.Equal(40, acls.Count);
            Assert.Single(acls.Distinct());
        }
    }

    private static long Revision(AdminAnswer answer) => (long)answer.EnsureSuccess().Body!["revision"]!;

    private static Task<RawMqttClient> ConnectAsync(BrokerProcess broker, string clientId, string? username, string? password) =>
        RawMqttClient.ConnectAsync(broker.Ports.Mqtt, new ConnectPacket { ClientId = clientId, Username = username, Password = password });
}
