using System.CommandLine;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Chariot.Server.Commands;

/// <summary><c>chariot restore</c>: shows what a backup would change, asks, and puts it in place of what is configured.</summary>
internal static class RestoreCommand
{
    private static readonly Argument<string> Source = new("file") { Description = "File of 'chariot backup'" };

    private static readonly Option<bool> Yes = new("--yes") { Description = "Do not ask whether to restore" };

    private static readonly Option<bool> Replace = new("--replace") { Description = "Although SSL is set up here: in place, no client is disconnected" };

    private static readonly Option<bool> ConfirmKey = new("--confirm-key") { Description = "Serve the private key of the backup, even when it was deleted here since" };

    private static readonly Option<bool> WithoutKey = new("--without-key") { Description = "Leave the private key of the backup out; SSL stays as it is" };

    private static readonly Option<bool> DryRun = new("--dry-run") { Description = "Say what would be done, and change nothing" };

    public static Command Create() => new Command("restore", "Replace what is configured by a backup: all of it or nothing")
    {
        Source, Yes, Replace, ConfirmKey, WithoutKey, DryRun, BackupPassphrase.File,
    }.Calls(RestoreAsync, Show);

    private static async Task<ApiAnswer> RestoreAsync(ParseResult parsed, AdminApi api, CancellationToken stop)
    {
        var file = Read(parsed.GetValue(Source)!);
        var passphrase = IsEncrypted(file) ? BackupPassphrase.ForExisting(parsed) : null;
        var confirmed = parsed.GetValue(ConfirmKey);
        var dry = await CallAsync(dryRun: true);
        if (!dry.Succeeded || parsed.GetValue(DryRun))
        {
            return dry;
        }

        // Refused anyway: by the server, with its code.
        if (!Has(dry.Body, "ssl.already-set-up"))
        {
            Ask(parsed, dry.Body, ref confirmed);
        }

        return await CallAsync(dryRun: false);

        Task<ApiAnswer> CallAsync(bool dryRun)
        {
            var form = new MultipartFormDataContent();
            var content = new ByteArrayContent(file);
            content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
            form.Add(content, "file", "backup");
            if (passphrase is not null)
            {
                form.Add(new ByteArrayContent(Encoding.UTF8.GetBytes(passphrase)), "passphrase");
            }

            var query = $"restore?dryRun={dryRun}&replace={parsed.GetValue(Replace)}&confirmKey={confirmed}&withoutKey={parsed.GetValue(WithoutKey)}";
            return api.SendLongAsync(HttpMethod.Post, query, form, stop);
        }
    }

    private static void Ask(ParseResult parsed, JsonNode? plan, ref bool confirmed)
    {
        if (!parsed.GetValue(Yes) || (plan.Field("certificate") is not null && !confirmed && Question.CanAsk))
        {
            Console.Error.WriteLine(AlignedText.Clean(
                $"The backup of {plan.Field("backup").Time("createdAt")} has {plan.Text("credentials")} credentials and {plan.Text("accounts")} accounts; {plan.Text("removedCredentials")} credentials that are here are not in it."));
            FindingText.Write(plan, Console.Error);
        }

        if (!parsed.GetValue(Yes) && !Question.Confirm("Replace everything that is configured by it?", "--yes"))
        {
            throw new UsageException("Nothing was restored.");
        }

        if (plan.Field("certificate") is { } certificate && !confirmed && Question.CanAsk)
        {
            confirmed = Question.Confirm($"Serve the private key of {certificate.Text("subject")}, serial number {certificate.Text("serialNumber")}, from now on?", "--confirm-key");
        }
    }

    private static bool Has(JsonNode? body, string code) => body.Items("findings").Any(finding => finding.Text("code") == code);

    private static byte[] Read(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new UsageException($"'{path}' cannot be read: {error.Message}", error);
        }
    }

    /// <summary>By the first line. What is no backup is for the server to say.</summary>
    private static bool IsEncrypted(byte[] file)
    {
        var end = Array.IndexOf(file, (byte)'\n', 0, Math.Min(file.Length, 1024));
        try
        {
            return end > 0 && JsonNode.Parse(file.AsSpan(0, end)).Field("encryption") is not null;
        }
        catch (JsonException)
        {
            // No backup, so there is no passphrase to ask for.
            return false;
        }
    }

    private static void Show(ApiAnswer answer, ParseResult parsed, TextWriter output)
    {
        var body = answer.Body;
        output.WriteLine(body.IsTrue("dryRun") ? "Nothing was changed. The backup would be restored so:" : $"Restored, revision {body.Text("revision")}:");
        AlignedText.Write(output,
        [
            ["Backup", $"{body.Field("backup").Time("createdAt")} by {body.Field("backup").Text("createdBy")}, revision {body.Field("backup").Text("revision")}"],
            ["Credentials", $"{body.Text("credentials")}, {body.Text("removedCredentials")} removed"],
            ["Accounts", $"{body.Text("accounts")}, with the passwords of the backup"],
            ["SSL", body.Text("ssl") switch { "setUp" => "set up with the key of the backup", "replaced" => "replaced by the key of the backup", _ => "as it was" }],
        ]);
        FindingText.Write(body, output);
    }
}
