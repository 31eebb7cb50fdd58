using System.CommandLine;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;

namespace Chariot.Server.Commands;

/// <summary>
/// <c>chariot csr</c>: a certificate request for a key that is made on the server and never leaves it. The certificate that the CA
/// sends back is then set up without a key.
/// </summary>
internal static class CsrCommand
{
    private static readonly Option<string?> CommonName = Part("--cn", "Common name; default: the first --name");
    private static readonly Option<string?> Organization = Part("--o", "Organization");
    private static readonly Option<string?> Unit = Part("--ou", "Organizational unit");
    private static readonly Option<string?> Locality = Part("--l", "Locality");
    private static readonly Option<string?> State = Part("--st", "State or province");
    private static readonly Option<string?> Country = Part("--c", "Country, two letters");

    private static readonly Option<string[]> Names = new("--name")
    {
        Description = "Host name or IP address that clients connect to; repeat for more",
        HelpName = "name",
    };

    private static readonly Option<int> Bits = new("--bits") { Description = "Size of a new key: 2048, 3072 or 4096", DefaultValueFactory = _ => 2048 };

    private static readonly Option<bool> SameKey = new("--same-key") { Description = "Request for the key that waits already, instead of making a new one" };

    private static readonly Option<string?> Out = new("--out") { Description = "File for the request; - or nothing writes it to standard output", HelpName = "file" };

    public static Command Create() => new Command("csr", "Make a private key on the server and write the request for its certificate")
    {
        CommonName, Organization, Unit, Locality, State, Country, Names, Bits, SameKey, Out,
    }.Calls(RequestAsync, Show);

    private static Option<string?> Part(string name, string description) => new(name) { Description = description, HelpName = "text" };

    private static async Task<ApiAnswer> RequestAsync(ParseResult parsed, AdminApi api, CancellationToken stop)
    {
        if (parsed.GetValue(Out) is { } file and not "-" && File.Exists(file))
        {
            // Said before a key is made that would replace the one that waits.
            throw new UsageException($"'{file}' exists and is not overwritten.");
        }

        var names = parsed.GetValue(Names) ?? [];
        if (!parsed.GetValue(SameKey))
        {
            var made = await api.PostAsync("ssl/key", new JsonObject { ["bits"] = parsed.GetValue(Bits) }, stop);
            if (!made.Succeeded)
            {
                return made;
            }
        }

        var request = new JsonObject
        {
            ["subject"] = new JsonObject
            {
                ["cn"] = parsed.GetValue(CommonName) ?? names.FirstOrDefault(),
                ["o"] = parsed.GetValue(Organization),
                ["ou"] = parsed.GetValue(Unit),
                ["l"] = parsed.GetValue(Locality),
                ["st"] = parsed.GetValue(State),
                ["c"] = parsed.GetValue(Country),
            },
            ["dnsNames"] = List(names.Where(name => !IPAddress.TryParse(name, out _))),
            ["ipAddresses"] = List(names.Where(name => IPAddress.TryParse(name, out _))),
        };
        return await api.PostAsync("ssl/csr", request, stop);
    }

    private static JsonArray List(IEnumerable<string> names) => [.. names.Select(name => (JsonNode)name)];

    private static void Show(ApiAnswer answer, ParseResult parsed, TextWriter output)
    {
        var pem = answer.Body.Text("csr") ?? "";
        if (parsed.GetValue(Out) is not { } file || file == "-")
        {
            output.Write(pem);
            FindingText.Write(answer.Body, Console.Error);
            return;
        }

        try
        {
            File.WriteAllText(file, pem);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new UsageException($"'{file}' cannot be written: {error.Message} The key waits on the server; repeat with --same-key.", error);
        }

        output.WriteLine($"Send {file} to your CA. Then: chariot ssl setup (or replace) --cert CERTIFICATE --chain CHAIN, without --key.");
        FindingText.Write(answer.Body, Console.Error);
    }
}
