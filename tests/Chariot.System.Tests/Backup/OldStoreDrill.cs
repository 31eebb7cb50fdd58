using System.Net;
using Chariot.SystemTests.Ssl;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;

namespace Chariot.SystemTests.Backup;

/// <summary>
/// K8: a broker on a copy of the store from before Delete, with the master key, does not serve the deleted key until an administrator says so. What it
/// cannot tell (store, key and record put back in place together) is in docs/adr/0015.
/// </summary>
public class OldStoreDrill
{
    /// <summary>The whole data directory was copied, with key and record in it, and a broker started on the copy.</summary>
    [Fact]
    public async Task ACopyOfTheWholeDirectory_IsHeldBack_UntilItIsConfirmed()
    {
        using var certificates = new TestCertificates();
        using var copy = new TempDirectory();
        await using (var broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous))
        {
            await SetUpAndCopyAsync(broker, certificates, copy);
            (await broker.Admin.DeleteAsync("ssl")).EnsureSuccess();
        }

        await using var old = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous with { DataDirectory = copy.Path });
        await IsHeldBackAsync(old);

        // A restart, or a change of something else, is no confirmation.
        await old.Admin.CreateCredentialAsync("press", "press-password-1", ["#"], ["#"]);
        await old.RestartAsync();
        await IsHeldBackAsync(old);

        Assert.Equal(2, (await BackupFiles.RunAsync(old, null, "ssl", "confirm")).ExitCode);
        var confirmed = (await BackupFiles.RunAsync(old, null, "ssl", "confirm", "--yes")).EnsureSuccess();
        Assert.DoesNotContain("ssl.not-confirmed", confirmed.Output, StringComparison.Ordinal);
        Assert.Equal(certificates.ServerFingerprint, await OutsideHandshake.FingerprintAsync(old.Ports.Mqtts));
        Assert.Equal(HttpStatusCode.OK, (await old.Admin.GetRootAsync("readyz")).Status);
        Assert.Contains("ssl.confirm", (await old.Admin.GetAsync("audit")).EnsureSuccess().Text, StringComparison.Ordinal);

        await old.RestartAsync();
        Assert.Equal(certificates.ServerFingerprint, await OutsideHandshake.FingerprintAsync(old.Ports.Mqtts));
    }

    /// <summary>The master key lies elsewhere, as advised: the old store is put back in its place.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnOldStoreInItsPlace_IsHeldBack_UntilSslIsDecidedAnew(bool recordLost)
    {
        using var certificates = new TestCertificates();
        using var next = new TestCertificates();
        using var copy = new TempDirectory();
        using var data = new TempDirectory();
        using var keys = new TempDirectory();
        await using var broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous with
        {
            DataDirectory = data.Path,
            Configuration = new Dictionary<string, string> { ["Chariot:Bootstrap:AllowAnonymous"] = "true", ["Chariot:MasterKeyFile"] = keys.File("master.key") },
        });
        await SetUpAndCopyAsync(broker, certificates, copy);
        Assert.DoesNotContain(Directory.EnumerateFiles(copy.Path), file => file.EndsWith(".seen", StringComparison.Ordinal));
        // The certificate in force is none the worse for a restart.
        Assert.Equal(certificates.ServerFingerprint, await OutsideHandshake.FingerprintAsync(broker.Ports.Mqtts));
        (await broker.Admin.DeleteAsync("ssl")).EnsureSuccess();
        await broker.StopAsync();
        foreach (var file in Directory.EnumerateFiles(data.Path))
        {
            File.Delete(file);
        }

        foreach (var file in Directory.EnumerateFiles(copy.Path))
        {
            File.Copy(file, data.File(Path.GetFileName(file)));
        }

        var record = Assert.Single(Directory.EnumerateFiles(keys.Path, "*.seen"));
        if (recordLost)
        {
            File.Delete(record);
        }

        await broker.StartAgainAsync();
        await IsHeldBackAsync(broker);

        // Another certificate needs no confirmation, and leaves nothing held back.
        (await broker.Admin.PutSslAsync(next.KeyPkcs8Pem, next.ServerPem, next.ChainPem)).EnsureSuccess();
        Assert.Equal(next.ServerFingerprint, await OutsideHandshake.FingerprintAsync(broker.Ports.Mqtts));
        await broker.RestartAsync();
        Assert.Equal(next.ServerFingerprint, await OutsideHandshake.FingerprintAsync(broker.Ports.Mqtts));
        Assert.Equal(HttpStatusCode.OK, (await broker.Admin.GetRootAsync("readyz")).Status);
    }

    private static async Task SetUpAndCopyAsync(BrokerProcess broker, TestCertificates certificates, TempDirectory copy)
    {
        (await broker.Admin.PutSslAsync(certificates.KeyPkcs8Pem, certificates.ServerPem, certificates.ChainPem)).EnsureSuccess();
        await broker.StopAsync();
        foreach (var file in Directory.EnumerateFiles(broker.DataDirectory))
        {
            File.Copy(file, copy.File(Path.GetFileName(file)));
        }

        await broker.StartAgainAsync();
    }

    private static async Task IsHeldBackAsync(BrokerProcess broker)
    {
        foreach (var port in new[] { broker.Ports.Mqtts, broker.Ports.Wss, broker.Ports.Https })
        {
            Assert.Null(await OutsideHandshake.FingerprintAsync(port));
        }

        var ready = await broker.Admin.GetRootAsync("readyz");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.Status);
        Assert.Contains("ssl-not-confirmed", ready.Text, StringComparison.Ordinal);
        var status = (await broker.Admin.GetAsync("ssl")).EnsureSuccess();
        Assert.Contains("ssl.not-confirmed", status.Text, StringComparison.Ordinal);
        Assert.Contains("chariot ssl confirm", broker.Output, StringComparison.Ordinal);
    }
}
