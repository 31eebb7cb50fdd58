using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;

namespace Chariot.Admin.Expiry;

/// <summary>How long one certificate of the set-up in force, or one that is trusted in clients, is still valid.</summary>
/// <param name="Kind">
/// <c>leaf</c>, <c>intermediate</c> or <c>root</c>; <c>client-ca</c>, <c>client-certificate</c>; <c>crl</c> for a revocation list,
/// whose end is the day when its successor is due.
/// </param>
/// <param name="Left">Negative when it has expired.</param>
internal sealed record ExpiringCertificate(string Kind, string Subject, string Sha256Fingerprint, DateTimeOffset NotAfter, TimeSpan Left)
{
    public const string RevocationListKind = "crl";

    /// <summary>Days before the end at which it is told of.</summary>
    private static readonly int[] Thresholds = [1, 7, 14, 30];

    /// <summary>Whole days left, rounded down; negative when it has expired.</summary>
    public int DaysLeft => (int)Math.Floor(Left.TotalDays);

    /// <summary>The smallest of 30, 14, 7 and 1 days that has been reached; null while more than 30 days are left.</summary>
    public int? Threshold => Array.Find(Kind == RevocationListKind ? [1] : Thresholds, days => Left <= TimeSpan.FromDays(days)) is > 0 and var reached ? reached : null;

    /// <summary>Error within a day of the end and after it, warning within 30 days, else info.</summary>
    public FindingSeverity Severity => Threshold switch
    {
        // Most lists live for a week or a day only: one that is still good is nothing to be alarmed by.
        1 when Kind == RevocationListKind && Left >= TimeSpan.Zero => FindingSeverity.Warning,
        1 => FindingSeverity.Error,
        null => FindingSeverity.Info,
        _ => FindingSeverity.Warning,
    };

    /// <summary>Those of the set-up, then client CAs, revocation lists, and client certificates that nodes have <paramref name="seen"/>.</summary>
    public static IReadOnlyList<ExpiringCertificate> From(SslConfiguration? ssl, ClientTrust trust, IEnumerable<ClientCertificateDescription> seen, DateTimeOffset now) =>
    [
        .. From(ssl, now),
        .. (trust.Authorities?.Details ?? []).Select(details => new ExpiringCertificate("client-ca", details.Subject, details.Sha256Fingerprint, details.NotAfter, details.NotAfter - now)),
        .. trust.RevocationLists.Where(list => list.NextUpdate is not null)
            .Select(list => new ExpiringCertificate(RevocationListKind, list.Issuer, list.Sha256, list.NextUpdate!.Value, list.NextUpdate.Value - now)),
        .. seen.Select(certificate => new ExpiringCertificate("client-certificate", certificate.Subject, certificate.Sha256Fingerprint, certificate.NotAfter, certificate.NotAfter - now)),
    ];

    /// <summary>Leaf, intermediates in the order served, root if known; empty without a set-up.</summary>
    public static IReadOnlyList<ExpiringCertificate> From(SslConfiguration? ssl, DateTimeOffset now)
    {
        if (ssl is null)
        {
            return [];
        }

        var chain = ssl.Chain.Select((details, index) => Of(index < ssl.Intermediates.Length ? "intermediate" : "root", details));
        return [Of("leaf", ssl.Details), .. chain];

        ExpiringCertificate Of(string kind, CertificateDetails details) =>
            new(kind, details.Subject, details.Sha256Fingerprint, details.NotAfter, details.NotAfter - now);
    }
}
