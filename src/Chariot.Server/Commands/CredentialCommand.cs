using System.CommandLine;
using System.Text.Json.Nodes;

namespace Chariot.Server.Commands;

/// <summary><c>chariot credential add|list|remove</c>.</summary>
internal static class CredentialCommand
{
    private static readonly Argument<string> Name = NameArgument.Create("name", "Username of the credential");

    private static readonly Option<string[]> Publish = Filters("--publish", "Topic filter that it may publish to; repeat for more. A leading ! denies");
    private static readonly Option<string[]> Subscribe = Filters("--subscribe", "Topic filter that it may subscribe to; repeat for more. A leading ! denies");
    private static readonly Option<bool> Disabled = new("--disabled") { Description = "Create it switched off" };

    private static readonly Option<string?> PasswordFile = new("--password-file")
    {
        Description = "File whose first line is the credential's password; - reads standard input. Without it one is generated and printed once",
        HelpName = "file",
    };

    public static Command Create() => new("credential", "Credentials that MQTT clients sign in with, and their rights")
    {
        new Command("add", "Create a credential") { Name, Publish, Subscribe, PasswordFile, Disabled }.Calls(AddAsync, ShowAdded),
        new Command("list", "List credentials and their rights").Calls((_, api, stop) => api.GetPagesAsync("credentials", stop), ShowList),
        new Command("remove", "Delete a credential; its clients are disconnected") { Name }.Calls(
            (parsed, api, stop) => api.DeleteAsync("credentials/" + Uri.EscapeDataString(parsed.GetRequiredValue(Name)), stop),
            (_, parsed, output) => output.WriteLine(AlignedText.Clean($"Removed credential {parsed.GetRequiredValue(Name)}."))),
    };

    private static Option<string[]> Filters(string name, string description) => new(name) { Description = description, HelpName = "filter" };

    private static Task<ApiAnswer> AddAsync(ParseResult parsed, AdminApi api, CancellationToken stop)
    {
        var body = new JsonObject
        {
            ["username"] = parsed.GetRequiredValue(Name),
            ["publishAcl"] = List(parsed.GetValue(Publish)),
            ["subscribeAcl"] = List(parsed.GetValue(Subscribe)),
            ["enabled"] = !parsed.GetValue(Disabled),
        };
        if (parsed.GetValue(PasswordFile) is { } file)
        {
            body["password"] = FirstLine(file);
        }

        return api.PostAsync("credentials", body, stop);
    }

    private static JsonArray List(string[]? filters) => [.. (filters ?? []).Select(filter => (JsonNode)filter)];

    private static string FirstLine(string file)
    {
        try
        {
            var line = file == "-" ? Console.In.ReadLine() : File.ReadLines(file).FirstOrDefault();
            return line is { Length: > 0 } ? line : throw new UsageException($"There is no password in '{file}'.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new UsageException($"'{file}' cannot be read: {error.Message}", error);
        }
    }

    private static void ShowAdded(ApiAnswer answer, ParseResult parsed, TextWriter output)
    {
        var rows = new List<string?[]>
        {
            new[] { "Credential", answer.Body.Text("username") + (answer.Body.IsTrue("enabled") ? "" : ", disabled") },
            new[] { "Publish", Rights(answer.Body, "publishAcl") },
            new[] { "Subscribe", Rights(answer.Body, "subscribeAcl") },
        };

        // In the answer only when the server generated it.
        if (answer.Body.Text("password") is { } generated)
        {
            rows.Add(["Password", $"{generated}  (shown this once)"]);
        }

        AlignedText.Write(output, rows);
        FindingText.Write(answer.Body, output);
    }

    private static void ShowList(ApiAnswer answer, ParseResult parsed, TextWriter output)
    {
        var rows = answer.Body.Items("items").Select(item => new[]
        {
            item.Text("username"), item.IsTrue("enabled") ? "yes" : "no", Rights(item, "publishAcl"), Rights(item, "subscribeAcl"),
        });
        AlignedText.Write(output, rows.Prepend(["USERNAME", "ENABLED", "PUBLISH", "SUBSCRIBE"]));
    }

    private static string Rights(JsonNode? credential, string field) => credential.Joined(field) is { Length: > 0 } filters ? filters : "nothing";
}
