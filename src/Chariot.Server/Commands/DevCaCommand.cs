using System.CommandLine;
using System.Net;
using System.Text.Json.Nodes;
using Chariot.Admin.Ssl;

namespace Chariot.Server.Commands;

/// <summary><c>chariot dev-ca</c>: a certificate chain for development in one command, without a server.</summary>
internal static class DevCaCommand
{
    private const string ChainFile = "ca-chain.crt";

    private static readonly Option<string> Out = new("--out")
    {
        Description = "Folder for the files; made when missing. One that holds a development CA already keeps it",
        HelpName = "folder",
        DefaultValueFactory = _ => "dev-ca",
    };

    private static readonly Option<string[]> Names = new("--name")
    {
        Description = "Host name or IP address of the server; repeat for more. Default: localhost, 127.0.0.1 and ::1",
        HelpName = "name",
    };

    private static readonly Option<string[]> Clients = new("--client")
    {
        Description = "Make a client certificate with this common name too; repeat for more",
        HelpName = "name",
    };

    private static readonly Option<int> Days = new("--days")
    {
        Description = "Days that the pairs are valid, 1 to 825",
        HelpName = "days",
        DefaultValueFactory = _ => 90,
    };

    public static Command Create()
    {
        var command = new Command("dev-ca", "Make a CA for development with a server certificate and client certificates. Needs no server; not for production")
        {
            Out, Names, Clients, Days,
        };
        command.SetAction(parsed =>
        {
            try
            {
                Show(Make(parsed), parsed);
                return ExitCode.Success;
            }
            catch (UsageException error)
            {
                Console.Error.WriteLine($"chariot: {AlignedText.Clean(error.Message)}");
                return ExitCode.Usage;
            }
        });
        return command;
    }

    internal static bool IsFileName(string name) => name.Length is > 0 and <= 64 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') && name[0] != '.';

    private static JsonObject Make(ParseResult parsed)
    {
        var folder = new PairFolder(parsed.GetRequiredValue(Out));
        var clients = (parsed.GetValue(Clients) ?? []).Distinct().ToArray();
        string[] names = parsed.GetValue(Names) is { Length: > 0 } given ? given : ["localhost", "127.0.0.1", "::1"];
        var days = parsed.GetValue(Days);
        Check(names, clients, days);

        // Into a folder that has its server pair, client pairs alone can be added.
        var makesServer = parsed.GetValue(Names) is { Length: > 0 } || !folder.Has("server.crt") || clients.Length == 0;
        foreach (var pair in makesServer ? clients.Prepend("server") : clients)
        {
            folder.Refuse(pair);
        }

        using var authority = DevelopmentAuthority.OpenOrCreate(folder);
        if (!folder.Has(ChainFile))
        {
            folder.Write(ChainFile, authority.ChainPem);
        }

        if (makesServer)
        {
            authority.CreateServer(folder, names, days);
        }

        foreach (var client in clients)
        {
            authority.CreateClient(folder, client, days);
        }

        string File(string name) => Path.Combine(folder.Path, name);
        return new JsonObject
        {
            ["organization"] = DevelopmentCertificate.Organization,
            ["root"] = File("root.crt"),
            ["caChain"] = File(ChainFile),
            ["serverCertificate"] = File("server.crt"),
            ["privateKey"] = File("server.key"),
            ["clients"] = new JsonArray([.. clients.Select(client => new JsonObject { ["certificate"] = File(client + ".crt"), ["privateKey"] = File(client + ".key") })]),
        };
    }

    private static void Check(string[] names, string[] clients, int days)
    {
        if (days is < 1 or > 825)
        {
            throw new UsageException("--days is 1 to 825.");
        }

        if (names.FirstOrDefault(name => !IPAddress.TryParse(name, out _) && !IsHostName(name)) is { } wrong)
        {
            throw new UsageException($"'{wrong}' is neither a host name nor an IP address.");
        }

        // They become file names.
        if (clients.FirstOrDefault(client => !IsFileName(client)) is { } odd)
        {
            throw new UsageException($"'{odd}' is no name for a client certificate; use at most 64 letters, digits, '-', '_' and '.'.");
        }

        if (clients.Intersect(["root", "intermediate", "server", "ca-chain"]).FirstOrDefault() is { } taken)
        {
            throw new UsageException($"'{taken}' is the name of a file of the CA; give the client another one.");
        }
    }

    private static bool IsHostName(string name)
    {
        var plain = name.StartsWith("*.", StringComparison.Ordinal) ? name[2..] : name;
        return plain.Length is > 0 and <= 253 && plain.Split('.').All(label =>
            label.Length is > 0 and <= 63 && label[0] != '-' && label[^1] != '-' && label.All(c => char.IsAsciiLetterOrDigit(c) || c == '-'));
    }

    private static void Show(JsonObject made, ParseResult parsed)
    {
        if (ConnectionOptions.IsJson(parsed))
        {
            Console.Out.WriteLine(made.ToJsonString());
            return;
        }

        var rows = new List<string?[]>
        {
            new[] { "Root, for clients to trust", made.Text("root") },
            new[] { "Server certificate", made.Text("serverCertificate") },
            new[] { "Its private key", made.Text("privateKey") },
            new[] { "CA chain", made.Text("caChain") },
        };
        rows.AddRange(made.Items("clients").Select(client => new[] { "Client certificate", client.Text("certificate") }));
        AlignedText.Write(Console.Out, rows);
        Console.Out.WriteLine($"Set it up:  chariot ssl setup --key {made.Text("privateKey")} --cert {made.Text("serverCertificate")} --chain {made.Text("caChain")}");
        Console.Out.WriteLine("For development only: the keys of this CA lie in that folder.");
    }
}
