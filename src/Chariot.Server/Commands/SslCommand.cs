using System.CommandLine;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;

namespace Chariot.Server.Commands;

/// <summary><c>chariot ssl status|setup|replace|delete|confirm|validate</c>.</summary>
internal static class SslCommand
{
    private static readonly Option<string> Key = FileOption("--key", "RSA private key of the server, PKCS#1 or PKCS#8, also encrypted; without it the key that 'chariot csr' made", required: false);
    private static readonly Option<string> Certificate = FileOption("--cert", "Server certificate", required: true);
    private static readonly Option<string> Chain = FileOption("--chain", "CA chain: intermediate and root certificates in one file", required: true);

    public static Command Create() => new("ssl", "The server certificate of MQTT and of the admin API")
    {
        new Command("status", "Show what is set up and which node serves it").Calls((_, api, stop) => api.GetAsync("ssl", stop), (answer, _, output) => Show(answer.Body, output)),
        WithFiles("setup", "Set up SSL with a key, a certificate and a chain")
            .Calls((parsed, api, stop) => PutAsync(parsed, api, replace: false, stop), (answer, _, output) => Show(answer.Body, output)),
        WithFiles("replace", "Replace key, certificate and chain in place; no client is disconnected")
            .Calls((parsed, api, stop) => PutAsync(parsed, api, replace: true, stop), (answer, _, output) => Show(answer.Body, output)),
        new Command("delete", "Delete SSL: the encrypted ports close, their clients are disconnected, the key is erased")
            .Calls((_, api, stop) => api.DeleteAsync("ssl", stop), (_, _, output) => output.WriteLine("SSL is not set up any more.")),
        SslConfirmCommand.Create(Show),
        WithFiles("validate", "Check three files as setup does, and change nothing")
            .Calls((parsed, api, stop) => SendAsync(parsed, files => api.SendAsync(HttpMethod.Post, "ssl/validate", files, null, stop)), ShowFindings, Judge),
    };

    private static Option<string> FileOption(string name, string description, bool required) => new(name) { Description = description + ", PEM", HelpName = "file", Required = required };

    private static Command WithFiles(string name, string description) => new(name, description) { Key, KeyPassphrase.File, Certificate, Chain };

    /// <summary>The API sets up and replaces with one call. A person who says which one is meant is held to it.</summary>
    private static Task<ApiAnswer> PutAsync(ParseResult parsed, AdminApi api, bool replace, CancellationToken stop) =>
        SendAsync(parsed, files => PutAsync(files, api, replace, stop));

    private static async Task<ApiAnswer> PutAsync(MultipartFormDataContent files, AdminApi api, bool replace, CancellationToken stop)
    {
        var now = await api.GetAsync("ssl", stop);
        var isSetUp = now.Body.Field("certificate") is not null;
        if (now.Succeeded && isSetUp == replace)
        {
            return await api.SendAsync(HttpMethod.Put, "ssl", files, now.EntityTag, stop);
        }

        if (!now.Succeeded)
        {
            return now;
        }

        return isSetUp
            ? ApiAnswer.Conflict("already-set-up", "SSL is set up already. Replace it with 'chariot ssl replace', or delete it first.")
            : ApiAnswer.Conflict("not-set-up", "SSL is not set up, so there is nothing to replace. Use 'chariot ssl setup'.");
    }

    /// <summary>Sends the files, which are read first: a missing one is said whatever the state. When the key turns out to be encrypted, its passphrase is asked for.</summary>
    private static async Task<ApiAnswer> SendAsync(ParseResult parsed, Func<MultipartFormDataContent, Task<ApiAnswer>> send)
    {
        var passphrase = KeyPassphrase.Given(parsed, hasKey: parsed.GetValue(Key) is not null);
        using var files = Files(parsed, passphrase);
        var answer = await send(files);
        if (passphrase is not null || !FindingText.Has(answer.Body, "key.encrypted") || KeyPassphrase.Ask() is not { } typed)
        {
            return answer;
        }

        using var again = Files(parsed, typed);
        return await send(again);
    }

    private static MultipartFormDataContent Files(ParseResult parsed, byte[]? passphrase)
    {
        (string Part, Option<string> Option)[] slots = [("privateKey", Key), ("serverCertificate", Certificate), ("caChain", Chain)];
        var form = new MultipartFormDataContent();
        foreach (var (part, option) in slots)
        {
            if (parsed.GetValue(option) is not { } path)
            {
                continue;
            }

            var content = new ByteArrayContent(Read(path));
            content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
            form.Add(content, part, Path.GetFileName(path));
        }

        if (passphrase is not null)
        {
            form.Add(new ByteArrayContent(passphrase), "passphrase");
        }

        return form;
    }

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

    private static int Judge(ApiAnswer answer) => FindingText.HasErrors(answer.Body) ? ExitCode.Refused : ExitCode.Success;

    private static void ShowFindings(ApiAnswer answer, ParseResult parsed, TextWriter output)
    {
        output.WriteLine(FindingText.HasErrors(answer.Body)
            ? "These files cannot be served together."
            : "These files can be set up. Nothing was changed.");
        FindingText.Write(answer.Body, output);
    }

    private static void Show(JsonNode? ssl, TextWriter output)
    {
        var rows = new List<string?[]> { new[] { "State", $"{ssl.Text("state")}, revision {ssl.Text("revision")}" } };
        AddFile(rows, "Private key", ssl.Field("files").Field("privateKey"));
        AddFile(rows, "Certificate", ssl.Field("files").Field("serverCertificate"));
        AddFile(rows, "CA chain", ssl.Field("files").Field("caChain"));
        if (ssl.Field("certificate") is { } certificate)
        {
            rows.Add(["Subject", certificate.Text("subject")]);
            rows.Add(["Names", certificate.Joined("subjectAlternativeNames")]);
            rows.Add(["Issuer", certificate.Text("issuer")]);
            rows.Add(["Serial number", certificate.Text("serialNumber")]);
            rows.Add(["Valid", $"{certificate.Time("notBefore")} to {certificate.Time("notAfter")}{DaysLeft(certificate)}"]);
            rows.Add(["Key", $"{certificate.Text("keyType")} {certificate.Text("keyBits")}, {certificate.Text("signatureAlgorithm")}"]);
            rows.Add(["SHA-256", certificate.Text("sha256Fingerprint")]);
        }

        foreach (var issuer in ssl.Items("chain"))
        {
            rows.Add(["Chain", $"{issuer.Text("subject")}, valid to {issuer.Time("notAfter")}"]);
        }

        foreach (var node in ssl.Items("nodes"))
        {
            rows.Add(["Node", $"{node.Text("node")} {node.Text("status")}, serves {node.Text("servedFingerprint") ?? "no certificate"}"]);
        }

        AlignedText.Write(output, rows);
        FindingText.Write(ssl, output);
    }

    private static void AddFile(List<string?[]> rows, string title, JsonNode? file)
    {
        if (file is not null)
        {
            rows.Add([title, $"{file.Text("fileName")}, uploaded {file.Time("uploadedAt")}"]);
        }
    }

    private static string DaysLeft(JsonNode? certificate) =>
        certificate.Instant("notAfter") is { } end ? $" ({Math.Floor((end - DateTime.UtcNow).TotalDays):0} days left)" : "";
}
