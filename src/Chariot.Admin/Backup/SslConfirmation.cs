using Chariot.Abstractions.Configuration;
using Chariot.Admin.Audit;
using Chariot.Admin.Ssl;

namespace Chariot.Admin.Backup;

/// <summary>An administrator's word that a certificate may be served although nodes hold it back (docs/adr/0015).</summary>
internal sealed class SslConfirmation(AdminGrains grains, SslSetup ssl, AuditTrail audit, ISslFence? fence = null)
{
    /// <param name="sha256Fingerprint">Of the certificate that is meant, so that nobody confirms another one.</param>
    public async Task<Act<SslStatus>> ConfirmAsync(string sha256Fingerprint, Actor actor)
    {
        if ((await grains.Configuration.GetAsync()).Ssl is not { } current)
        {
            return new Refusal(409, "ssl-not-set-up", "SSL is not set up, so there is nothing to confirm.");
        }

        if (!string.Equals(current.Details.Sha256Fingerprint, sha256Fingerprint.Replace(":", "", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase))
        {
            return Refusal.Invalid("Another certificate is set up.", [Findings.Error("fingerprint.other", "sha256Fingerprint", "This is not the SHA-256 of the certificate that is set up; GET /api/v1/ssl shows it.")]);
        }

        return await audit.RecordAsync<SslStatus>(
            actor, "ssl.confirm", "ssl", null, new { current.Details.Subject, current.Details.SerialNumber, current.Details.Sha256Fingerprint, Reason = fence?.HeldBack }, async () =>
            {
                var result = await grains.Configuration.ConfirmSslAsync(current.SetupId, fence?.Seen ?? 0);
                return result.Outcome == ChangeOutcome.Applied
                    ? Act<SslStatus>.Done(await ssl.GetStatusAsync(), result.Nodes)
                    : Refusal.From(result, "certificate");
            });
    }
}
