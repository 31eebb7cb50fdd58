using System.Text.Json.Nodes;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.CommandLine;

/// <summary>Administration with the executable itself, against a running broker.</summary>
public sealed class CommandLineTests(CommandLineFixture fixture) : IClassFixture<CommandLineFixture>, IAsyncLifetime, IDisposable
{
    private readonly TestCertificates _certificates = new();
    private readonly TempDirectory _directory = new();

    private AdminClient Admin => fixture.Broker.Admin;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        (await Admin.DeleteAsync("ssl")).EnsureSuccess();
        await Admin.SetAnonymousAsync(false);
    }

    public void Dispose()
    {
        _certificates.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Ssl_IsSetUp_Shown_Replaced_AndDeleted_WithFiles()
    {
        var root = _directory.Write("root.crt", _certificates.RootPem);
        Assert.Contains("NotSetup", (await fixture.RunAsync("ssl", "status")).EnsureSuccess().Output, StringComparison.Ordinal);

        var setup = (await fixture.RunAsync(["ssl", "setup", .. Files(_certificates)])).EnsureSuccess();
        Assert.Contains(_certificates.ServerFingerprint, setup.Output, StringComparison.Ordinal);

        // Over HTTPS, so the certificate is served and its host name checked.
        var https = $"https://localhost:{fixture.Broker.Ports.Https}";
        var status = (await fixture.RunAsync("ssl", "status", "--server", https, "--cafile", root)).EnsureSuccess();
        foreach (var part in new[] { "Setup", "server.key", "server.crt", "chain.pem", "CN=localhost", "DNS:localhost", _certificates.ServerFingerprint, "drill active" })
        {
            Assert.Contains(part, status.Output, StringComparison.Ordinal);
        }

        var again = await fixture.RunAsync(["ssl", "setup", .. Files(_certificates)]);
        Assert.Equal((1, ""), (again.ExitCode, again.Output));
        Assert.Contains("set up already", again.Errors, StringComparison.Ordinal);

        using var next = new TestCertificates();
        var replaced = (await fixture.RunAsync(["ssl", "replace", .. Files(next), "--json"])).EnsureSuccess();
        Assert.Equal(next.ServerFingerprint, (string?)JsonNode.Parse(replaced.Output)!["certificate"]!["sha256Fingerprint"]);

        // The other root signs for nobody now.
        var distrusted = await fixture.RunAsync("ssl", "status", "--server", https, "--cafile", root);
        Assert.Equal(2, distrusted.ExitCode);
        Assert.Contains("--cafile", distrusted.Errors, StringComparison.Ordinal);

        (await fixture.RunAsync("ssl", "delete")).EnsureSuccess();
        Assert.Equal("NotSetup", (string?)(await Admin.GetAsync("ssl")).EnsureSuccess().Body!["state"]);
    }

    [Fact]
    public async Task SslReplace_WithNothingSetUp_IsRefused()
    {
        var replace = await fixture.RunAsync(["ssl", "replace", .. Files(_certificates)]);

        Assert.Equal(1, replace.ExitCode);
        Assert.Equal("NotSetup", (string?)(await Admin.GetAsync("ssl")).EnsureSuccess().Body!["state"]);
    }

    [Theory]
    [InlineData("setup")]
    [InlineData("validate")]
    public async Task Ssl_WithAKeyThatDoesNotBelong_PrintsTheFindings_AndExitsWith1(string command)
    {
        using var other = new TestCertificates();
        string[] arguments = ["ssl", command, .. Files(_certificates, other)];

        var result = await fixture.RunAsync(arguments);

        Assert.Equal(1, result.ExitCode);
        var said = result.Output + result.Errors;
        Assert.Contains("error  bundle.key-mismatch  serverCertificate line 1: ", said, StringComparison.Ordinal);
        var message = said.Split('\n').SkipWhile(line => !line.Contains("bundle.key-mismatch", StringComparison.Ordinal)).ToArray();
        Assert.Matches(@"^ {6}\S", message[1]);
        Assert.DoesNotContain("PRIVATE KEY", said, StringComparison.Ordinal);

        var json = await fixture.RunAsync([.. arguments, "--json"]);
        Assert.Equal(1, json.ExitCode);
        Assert.Contains(JsonNode.Parse(json.Output)!["findings"]!.AsArray(), finding => (string?)finding!["code"] == "bundle.key-mismatch");
        Assert.Equal("NotSetup", (string?)(await Admin.GetAsync("ssl")).EnsureSuccess().Body!["state"]);
    }

    [Fact]
    public async Task SslValidate_OfGoodFiles_ExitsWith0_AndSetsNothingUp()
    {
        (await fixture.RunAsync(["ssl", "validate", .. Files(_certificates)])).EnsureSuccess();

        Assert.Equal("NotSetup", (string?)(await Admin.GetAsync("ssl")).EnsureSuccess().Body!["state"]);
    }

    [Fact]
    public async Task SslSetup_WithAMissingFile_ExitsWith2_AndNamesIt()
    {
        var result = await fixture.RunAsync("ssl", "setup", "--key", _directory.File("absent.key"), "--cert", "x", "--chain", "y");

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("absent.key", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Credential_IsAdded_Listed_UsedByAClient_AndRemoved()
    {
        var name = Unique.Name("cli");
        var added = (await fixture.RunAsync("credential", "add", name, "--publish", "a/#", "--publish", "b/+", "--subscribe", "!a/x")).EnsureSuccess();
        var password = added.Output.Split('\n').Single(line => line.StartsWith("Password", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];

        await using (await ConnectAsync(name, password))
        {
            var list = (await fixture.RunAsync("credential", "list")).EnsureSuccess().Output;
            Assert.Matches($@"(?m)^{name} +yes +a/#, b/\+ +!a/x$", list);
            Assert.DoesNotContain(password, list, StringComparison.Ordinal);
        }

        var twice = await fixture.RunAsync("credential", "add", name);
        Assert.Equal((1, ""), (twice.ExitCode, twice.Output));
        Assert.Equal($"chariot: There is a credential '{name}' already.", twice.Errors.Trim());

        (await fixture.RunAsync("credential", "remove", name)).EnsureSuccess();
        Assert.Equal(System.Net.HttpStatusCode.NotFound, (await Admin.GetAsync("credentials/" + name)).Status);
        Assert.Equal(1, (await fixture.RunAsync("credential", "remove", name)).ExitCode);
    }

    [Fact]
    public async Task CredentialAdd_WithAPasswordFile_PrintsNoPassword()
    {
        const string Password = "from-a-file-12345";
        var name = Unique.Name("cli");

        var added = (await fixture.RunAsync("credential", "add", name, "--password-file", _directory.Write("password", Password + "\n"), "--json")).EnsureSuccess();

        Assert.DoesNotContain(Password, added.Output + added.Errors, StringComparison.Ordinal);
        Assert.Equal(name, (string?)JsonNode.Parse(added.Output)!["username"]);
        await using var client = await ConnectAsync(name, Password);
    }

    [Fact]
    public async Task SettingsSet_AllowAnonymous_ActsAtOnce_AndKeepsTheOthers()
    {
        var before = (await Admin.GetAsync("settings/mqtt")).EnsureSuccess().Body!;

        var set = (await fixture.RunAsync("settings", "set", "allowAnonymous=true")).EnsureSuccess();

        Assert.Equal("allowAnonymous  true", set.Output.Trim());
        await using (await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = Unique.Name("anonymous") }))
        {
            Assert.Equal("allowAnonymous  true", (await fixture.RunAsync("settings", "get", "allowAnonymous")).EnsureSuccess().Output.Trim());
        }

        (await fixture.RunAsync("settings", "set", "allowAnonymous", "false")).EnsureSuccess();
        var after = (await Admin.GetAsync("settings/mqtt")).EnsureSuccess().Body!;
        before["revision"] = (long)after["revision"]!;
        Assert.Equal(before.ToJsonString(), after.ToJsonString());
    }

    [Theory]
    [InlineData(2, "settings", "set", "allowAnonymous=perhaps")]
    [InlineData(2, "settings", "set", "noSuchSetting=1")]
    [InlineData(2, "settings", "set", "minVersion=1.2", "allowAnonymous=true")]
    [InlineData(1, "settings", "set", "anonymousCredential=nobody-has-this-name")]
    public async Task SettingsSet_OfWhatCannotBe_ChangesNothing(int exitCode, params string[] arguments)
    {
        var before = (await Admin.GetAsync("settings/mqtt")).EnsureSuccess().Text;

        Assert.Equal(exitCode, (await fixture.RunAsync(arguments)).ExitCode);

        Assert.Equal(before, (await Admin.GetAsync("settings/mqtt")).EnsureSuccess().Text);
    }

    [Fact]
    public async Task Clients_AreListed_AndKicked()
    {
        await Admin.SetAnonymousAsync(true);
        var clientId = Unique.Name("kick");
        await using var client = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = clientId });

        Assert.Matches($@"(?m)^{clientId} +\(anonymous\) +drill ", (await fixture.RunAsync("clients", "list")).EnsureSuccess().Output);
        var json = JsonNode.Parse((await fixture.RunAsync("clients", "list", "--json")).EnsureSuccess().Output)!;
        Assert.Contains(json["items"]!.AsArray(), item => (string?)item!["clientId"] == clientId);

        (await fixture.RunAsync("clients", "kick", clientId)).EnsureSuccess();

        Assert.Equal(0x98, (await client.ReadToCloseAsync())?.Reason);
        Assert.Equal(1, (await fixture.RunAsync("clients", "kick", Unique.Name("nobody"))).ExitCode);
    }

    [Fact]
    public async Task AWrongToken_IsRefused_AndNotPrinted()
    {
        const string Wrong = "chr_this-was-never-a-token";

        var result = await fixture.RunAsync("clients", "list", "--token", Wrong);

        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.StartsWith("chariot: ", result.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain(Wrong, result.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain(fixture.Token, result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task UsernameAndPassword_SignIn_AndAWrongPasswordIsRefused()
    {
        var right = await CommandLineFixture.RunWithAsync(
            [$"CHARIOT_PASSWORD={BrokerOptions.DefaultPassword}"], "credential", "list", "--server", fixture.Server, "--username", "admin");
        var wrong = await CommandLineFixture.RunWithAsync([], "credential", "list", "--server", fixture.Server, "--username", "admin", "--password", "not-the-password");

        Assert.Equal("", right.EnsureSuccess().Errors);
        Assert.Equal((1, ""), (wrong.ExitCode, wrong.Output));
        Assert.DoesNotContain("not-the-password", wrong.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("credential", "list", "--server", "http://localhost:1")]
    [InlineData("credential", "list", "--server", "no-address")]
    [InlineData("credential", "add", "x", "--password", "meant-for-x")]
    [InlineData("credential", "remove", "..")]
    [InlineData("ssl", "setup")]
    [InlineData("nonsense")]
    public async Task WhatCannotBeTried_ExitsWith2_AndSaysWhyOnStandardError(params string[] arguments)
    {
        var result = await fixture.RunAsync(arguments);

        Assert.Equal(2, result.ExitCode);
        Assert.NotEmpty(result.Errors.Trim());
    }

    [Fact]
    public async Task WithoutAnyToken_ExitsWith2() =>
        Assert.Equal(2, (await CommandLineFixture.RunWithAsync([$"CHARIOT_SERVER={fixture.Server}"], "ssl", "status")).ExitCode);

    [Fact]
    public async Task Help_ListsAllCommands_AndShowsNoToken()
    {
        var help = (await fixture.RunAsync("--help")).EnsureSuccess().Output;

        foreach (var command in new[] { "serve", "ssl", "credential", "settings", "clients" })
        {
            Assert.Matches($"(?m)^  {command} ", help);
        }

        Assert.DoesNotContain(fixture.Token, help, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnOptionInFrontOfTheCommand_StartsNoBroker()
    {
        var list = (await fixture.RunAsync("--json", "credential", "list")).EnsureSuccess();

        Assert.NotNull(JsonNode.Parse(list.Output)!["items"]);
    }

    [Fact]
    public async Task Readme_TheCommandsOfItsSection_Work()
    {
        var readme = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "README.md"));
        var section = readme[readme.IndexOf("## From the command line", StringComparison.Ordinal)..];
        var commands = section.Split("```console\n")[1].Split("```")[0].Replace("8443", $"{fixture.Broker.Ports.Https}", StringComparison.Ordinal);
        _ = Files(_certificates);
        _directory.Write("root.crt", _certificates.RootPem);
        var script = _directory.Write("commands.sh", $$"""
            set -euo pipefail
            TOKEN={{fixture.Token}}
            export CHARIOT_SERVER={{fixture.Server}}
            chariot() { dotnet '{{Repository.ServerAssembly}}' "$@"; }
            {{commands}}
            """);
        var name = Unique.Name("cli");
        await Admin.CreateCredentialAsync(name, "press-secret-1", [], []);
        await using var press = await RawMqttClient.ConnectAsync(
            fixture.Port, new ConnectPacket { ClientId = "press-17", Username = name, Password = "press-secret-1" });

        (await Command.RunAsync("bash", [script], _directory.Path, 60)).EnsureSuccess();

        Assert.Equal(0x98, (await press.ReadToCloseAsync())?.Reason);
        var settings = (await Admin.GetAsync("settings/mqtt")).EnsureSuccess().Body!;
        Assert.Equal((true, "line-2"), ((bool)settings["allowAnonymous"]!, (string?)settings["anonymousCredential"]));
    }

    private Task<RawMqttClient> ConnectAsync(string username, string password) => RawMqttClient.ConnectAsync(
        fixture.Port, new ConnectPacket { ClientId = Unique.Name("cli"), Username = username, Password = password });

    private string[] Files(TestCertificates certificates, TestCertificates? key = null) =>
    [
        "--key", _directory.Write("server.key", (key ?? certificates).KeyPkcs1Pem),
        "--cert", _directory.Write("server.crt", certificates.ServerPem),
        "--chain", _directory.Write("chain.pem", certificates.ChainPem),
    ];
}
