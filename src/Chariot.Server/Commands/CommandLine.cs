using System.CommandLine;
using System.CommandLine.Invocation;

namespace Chariot.Server.Commands;

/// <summary>Administration from the command line, over the same API as everything else. It starts no silo and opens no store.</summary>
internal static class CommandLine
{
    private static readonly string[] Help = ["--help", "-h", "-?", "/?", "/h"];

    /// <summary>
    /// Whether the process is to be a broker: <c>chariot</c>, <c>chariot serve</c>, and options of the configuration alone.
    /// An option of the administration in front of its command does not start a broker.
    /// </summary>
    public static bool IsServe(string[] args) => args switch
    {
        [] => true,
        ["serve", .. var options] => !options.Any(Help.Contains),
        [var first, ..] => first.StartsWith('-') && !Help.Contains(first) && first != "--version"
            && !ConnectionOptions.All.Any(option => first == option.Name || first.StartsWith(option.Name + "=", StringComparison.Ordinal)),
    };

    /// <summary>Returns the exit code: <see cref="ExitCode"/>.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        // A value that begins with @ is a value, not the name of a file with arguments.
        var parsed = Root().Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        var code = await parsed.InvokeAsync();
        return parsed.Action is ParseErrorAction ? ExitCode.Usage : code;
    }

    private static RootCommand Root()
    {
        var root = new RootCommand("Chariot, an MQTT broker. Without a command it serves.")
        {
            new Command("serve", "Run the broker (default). Configuration is given as options, --Chariot:Mqtt:Port 1883, or in the environment, Chariot__Mqtt__Port=1883.")
            {
                // Not parsed here: the configuration reads them.
                TreatUnmatchedTokensAsErrors = false,
            },
            SslCommand.Create(),
            CsrCommand.Create(),
            DevCaCommand.Create(),
            ClusterCaCommand.Create(),
            CredentialCommand.Create(),
            SettingsCommand.Create(),
            ClientsCommand.Create(),
            BackupCommand.Create(),
            RestoreCommand.Create(),
        };
        foreach (var option in ConnectionOptions.All)
        {
            root.Add(option);
        }

        return root;
    }
}
