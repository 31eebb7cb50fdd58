using System.CommandLine;
using System.Text.Json.Nodes;

namespace Chariot.Server.Commands;

/// <summary><c>chariot ssl confirm</c>: a certificate that nodes hold back, because their store may be an old copy, is to be served.</summary>
internal static class SslConfirmCommand
{
    private static readonly Option<bool> Yes = new("--yes") { Description = "Do not ask" };

    public static Command Create(Action<JsonNode?, TextWriter> show) => new Command("confirm", "Serve the certificate that is set up although the store may be an old copy, in which a deleted key comes back") { Yes }
        .Calls(ConfirmAsync, (answer, _, output) => show(answer.Body, output));

    private static async Task<ApiAnswer> ConfirmAsync(ParseResult parsed, AdminApi api, CancellationToken stop)
    {
        var now = await api.GetAsync("ssl", stop);
        if (!now.Succeeded)
        {
            return now;
        }

        if (now.Body.Field("certificate") is not { } certificate)
        {
            return ApiAnswer.Conflict("ssl-not-set-up", "SSL is not set up, so there is nothing to confirm.");
        }

        if (!parsed.GetValue(Yes))
        {
            FindingText.Write(now.Body, Console.Error);
            if (!Question.Confirm($"Serve {certificate.Text("subject")}, serial number {certificate.Text("serialNumber")}, valid to {certificate.Time("notAfter")}?", "--yes"))
            {
                throw new UsageException("Nothing was confirmed.");
            }
        }

        return await api.PostAsync("ssl/confirm", new JsonObject { ["sha256Fingerprint"] = certificate.Text("sha256Fingerprint") }, stop);
    }
}
