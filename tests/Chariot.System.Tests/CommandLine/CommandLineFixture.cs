using Chariot.TestKit;
using Chariot.TestKit.Broker;

namespace Chariot.SystemTests.CommandLine;

/// <summary>A broker that nobody may use anonymously, and the executable as an administrator's shell would run it.</summary>
public sealed class CommandLineFixture : BrokerFixture
{
    private string? _token;

    protected override BrokerOptions Options => new();

    public string Server => $"http://localhost:{Broker.Ports.Http}";

    public string Token => _token ?? throw new InvalidOperationException("not started");

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        _token = (string)(await Broker.Admin.TryLoginAsync()).EnsureSuccess().Body!["accessToken"]!;
    }

    /// <summary>Runs a command, signed in by the environment.</summary>
    public Task<CommandResult> RunAsync(params string[] arguments) => RunWithAsync([$"CHARIOT_SERVER={Server}", $"CHARIOT_TOKEN={Token}"], arguments);

    /// <summary>Runs a command with no other CHARIOT_ variables than <paramref name="environment"/>.</summary>
    public static Task<CommandResult> RunWithAsync(string[] environment, params string[] arguments) => Command.RunAsync(
        "env", ["-u", "CHARIOT_SERVER", "-u", "CHARIOT_TOKEN", "-u", "CHARIOT_PASSWORD", "-u", "CHARIOT_KEY_PASSPHRASE", .. environment, "dotnet", Repository.ServerAssembly, .. arguments]);
}
