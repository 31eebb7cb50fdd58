using Chariot.TestKit;
using Chariot.TestKit.Certificates;

namespace Chariot.SystemTests.CommandLine;

/// <summary><c>chariot ssl</c> with an encrypted private key.</summary>
public sealed class PassphraseCommandTests(CommandLineFixture fixture) : IClassFixture<CommandLineFixture>, IAsyncLifetime, IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly TestCertificates _certificates = new();

    private string[] Files =>
    [
        "--key", _directory.Write("server.key", _certificates.KeyEncryptedPem(BundleTable.Passphrase)),
        "--cert", _directory.Write("server.crt", _certificates.ServerPem),
        "--chain", _directory.Write("chain.pem", _certificates.ChainPem),
    ];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => (await fixture.Broker.Admin.DeleteAsync("ssl")).EnsureSuccess();

    public void Dispose()
    {
        _certificates.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task WithoutAPassphrase_AndNobodyToAsk_TheFindingIsPrinted()
    {
        var result = await fixture.RunAsync(["ssl", "setup", .. Files]);

        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.Contains("error  key.encrypted  privateKey line 1: ", result.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("\r\nsecond line\n")]
    [InlineData("")]
    public async Task APassphraseFile_SetsUp_AndIsNotPrinted(string end)
    {
        var result = (await fixture.RunAsync(["ssl", "setup", .. Files, "--passphrase-file", _directory.Write("passphrase", BundleTable.Passphrase + end)])).EnsureSuccess();

        Assert.Contains(_certificates.ServerFingerprint, result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(BundleTable.Passphrase, result.Output + result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ThePassphraseOfTheEnvironment_Validates_AndAWrongOneIsSaid()
    {
        string[] signedIn = [$"CHARIOT_SERVER={fixture.Server}", $"CHARIOT_TOKEN={fixture.Token}"];

        (await CommandLineFixture.RunWithAsync([.. signedIn, "CHARIOT_KEY_PASSPHRASE=" + BundleTable.Passphrase], ["ssl", "validate", .. Files])).EnsureSuccess();
        var wrong = await CommandLineFixture.RunWithAsync([.. signedIn, "CHARIOT_KEY_PASSPHRASE=not this one, though"], ["ssl", "validate", .. Files]);

        Assert.Equal(1, wrong.ExitCode);
        Assert.Contains("key.passphrase", wrong.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("not this one", wrong.Output + wrong.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task APassphraseFile_ThatIsNotThere_IsEmpty_OrGoesWithNoKey_ExitsWith2()
    {
        var files = Files;
        foreach (var arguments in new string[][]
        {
            [.. files, "--passphrase-file", _directory.File("absent")],
            [.. files, "--passphrase-file", _directory.Write("empty", "\n")],
            [.. files[2..], "--passphrase-file", _directory.Write("passphrase", BundleTable.Passphrase)],
        })
        {
            Assert.Equal(2, (await fixture.RunAsync(["ssl", "setup", .. arguments])).ExitCode);
        }
    }
}
