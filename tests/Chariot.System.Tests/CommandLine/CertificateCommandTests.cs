using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Chariot.SystemTests.Ssl;
using Chariot.TestKit;
using Chariot.TestKit.Certificates;

namespace Chariot.SystemTests.CommandLine;

/// <summary><c>chariot csr</c> and <c>chariot dev-ca</c>, from the command to a verified handshake.</summary>
public sealed class CertificateCommandTests(CommandLineFixture fixture) : IClassFixture<CommandLineFixture>, IAsyncLifetime, IDisposable
{
    private const string Marker = "Chariot development CA - not for production";

    private readonly TempDirectory _directory = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => (await fixture.Broker.Admin.DeleteAsync("ssl")).EnsureSuccess();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task DevCa_WorksWithoutAServer_AndItsFilesAreSetUpAndVerified()
    {
        var folder = _directory.File("ca");
        (await OfflineAsync("dev-ca", "--out", folder, "--name", "localhost", "--name", "127.0.0.1", "--client", "press-17")).EnsureSuccess();

        foreach (var pair in new[] { "root", "intermediate", "server", "press-17" })
        {
            Assert.Equal("600", (await Command.RunAsync("stat", "-c", "%a", Path.Combine(folder, pair + ".key"))).EnsureSuccess().Output.Trim());
            var shown = (await Command.RunAsync("openssl", "x509", "-in", Path.Combine(folder, pair + ".crt"), "-noout", "-subject")).EnsureSuccess();
            Assert.Contains(Marker, shown.Output, StringComparison.Ordinal);
        }

        foreach (var (pair, purpose) in new[] { ("server", "sslserver"), ("press-17", "sslclient") })
        {
            (await Command.RunAsync(
                "openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", Path.Combine(folder, "root.crt"), "-untrusted", Path.Combine(folder, "intermediate.crt"), Path.Combine(folder, pair + ".crt"))).EnsureSuccess();
        }

        var setup = await fixture.RunAsync(
            "ssl", "setup", "--key", Path.Combine(folder, "server.key"), "--cert", Path.Combine(folder, "server.crt"), "--chain", Path.Combine(folder, "ca-chain.crt"), "--json");
        var body = JsonNode.Parse(setup.EnsureSuccess().Output)!;
        Assert.Equal("Setup", (string?)body["state"]);
        Assert.DoesNotContain(body["findings"]!.AsArray(), finding => (string?)finding!["code"] == "certificate.development");
        Assert.True((await ServedChain.FetchAsync(fixture.Broker.Ports.Mqtts, Path.Combine(folder, "root.crt"))).Verified);
    }

    [Fact]
    public async Task DevCa_InTheFolderOfOne_KeepsIt_AndOverwritesNothing()
    {
        var folder = _directory.File("ca");
        (await OfflineAsync("dev-ca", "--out", folder)).EnsureSuccess();
        var before = Directory.GetFiles(folder).ToDictionary(file => file, File.ReadAllText);

        Assert.Equal(2, (await OfflineAsync("dev-ca", "--out", folder, "--name", "other.example")).ExitCode);
        (await OfflineAsync("dev-ca", "--out", folder, "--client", "late")).EnsureSuccess();

        Assert.All(before, file => Assert.Equal(file.Value, File.ReadAllText(file.Key)));
        (await Command.RunAsync(
            "openssl", "verify", "-CAfile", Path.Combine(folder, "root.crt"), "-untrusted", Path.Combine(folder, "intermediate.crt"), Path.Combine(folder, "late.crt"))).EnsureSuccess();
    }

    [Theory]
    [InlineData("--name", "not a name")]
    [InlineData("--client", "../escape")]
    [InlineData("--client", "root")]
    [InlineData("--days", "0")]
    public async Task DevCa_OfWhatCannotBe_ExitsWith2_AndWritesNothing(string option, string value)
    {
        var folder = _directory.File("none");

        var result = await OfflineAsync("dev-ca", "--out", folder, option, value);

        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.False(Directory.Exists(folder));
    }

    [Fact]
    public async Task Csr_LeavesTheKeyOnTheServer_AndItsCertificateIsSetUpWithoutOne()
    {
        using var authority = new TestCertificates();
        var request = _directory.File("request.csr");
        var made = (await fixture.RunAsync("csr", "--o", "Plant", "--name", "localhost", "--name", "127.0.0.1", "--bits", "3072", "--out", request)).EnsureSuccess();
        Assert.DoesNotContain("PRIVATE KEY", made.Output + made.Errors + await File.ReadAllTextAsync(request), StringComparison.Ordinal);

        // The same key, another time; and no file is overwritten.
        var again = (await fixture.RunAsync("csr", "--name", "localhost", "--same-key")).EnsureSuccess().Output;
        Assert.Equal(PublicKeyOf(await File.ReadAllTextAsync(request)), PublicKeyOf(again));
        Assert.Equal(2, (await fixture.RunAsync("csr", "--name", "localhost", "--out", request)).ExitCode);

        using var certificate = authority.Sign(await File.ReadAllTextAsync(request));
        (await fixture.RunAsync(
            "ssl", "setup", "--cert", _directory.Write("server.crt", certificate.ExportCertificatePem() + "\n"), "--chain", _directory.Write("chain.crt", authority.ChainPem))).EnsureSuccess();

        var served = await ServedChain.FetchAsync(fixture.Broker.Ports.Mqtts, _directory.Write("root.crt", authority.RootPem));
        Assert.True(served.Verified);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(certificate.RawData)), served.Fingerprints[0]);
    }

    [Fact]
    public async Task Csr_WarnsOnStandardError_AndARefusalExitsWith1()
    {
        var warned = (await fixture.RunAsync("csr", "--cn", "www.plant.example", "--name", "www.plant.example")).EnsureSuccess();
        Assert.StartsWith("-----BEGIN CERTIFICATE REQUEST-----", warned.Output, StringComparison.Ordinal);
        Assert.Contains("csr.www-name", warned.Errors, StringComparison.Ordinal);

        Assert.Equal(1, (await fixture.RunAsync("csr", "--name", "localhost", "--bits", "1024")).ExitCode);
        Assert.Equal(1, (await fixture.RunAsync("csr", "--same-key", "--c", "Germany", "--name", "localhost")).ExitCode);
    }

    /// <summary>No server, no token: nothing of the environment helps.</summary>
    private static Task<CommandResult> OfflineAsync(params string[] arguments) => CommandLineFixture.RunWithAsync(["CHARIOT_SERVER=http://localhost:1"], arguments);

    private static byte[] PublicKeyOf(string request) =>
        CertificateRequest.LoadSigningRequestPem(request, HashAlgorithmName.SHA256, signerSignaturePadding: RSASignaturePadding.Pkcs1).PublicKey.ExportSubjectPublicKeyInfo();
}
