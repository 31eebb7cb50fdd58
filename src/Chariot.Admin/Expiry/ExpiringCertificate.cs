using Chariot.Abstractions.Configuration;

namespace Chariot.Admin.Expiry;

/// <summary>How long one certificate of the set-up in force is still valid.</summary>
/// <param name="Kind"><c>leaf</c>, <c>intermediate</c> or <c>root</c>.</param>
/// <param name="Left">Negative when it has expired.</param>
internal sealed record ExpiringCertificate(string Kind, string Subject, string Sha256Fingerprint, DateTimeOffset NotAfter, TimeSpan Left)
{
    /// <summary>Days before the end at which it is told of.</summary>
    private static readonly int[] Thresholds = [1, 7, 14, 30];

    /// <summary>Whole days left, rounded down; negative when it has expired.</summary>
    public int DaysLeft => (int)Math.Floor(Left.TotalDays);

    /// <summary>The smallest of 30, 14, 7 and 1 days that has been reached; null while more than 30 days are left.</summary>
    public int? Threshold => Array.Find(Thresholds, days => Left <= TimeSpan.FromDays(days)) is > 0 and var reached ? reached : null;

    /// <summary>Error within a day of the end and after it, warning within 30 days, else info.</summary>
    public FindingSeverity Severity => Threshold switch
    {
        1 => FindingSeverity.Error,
        null => FindingSeverity.Info,
        _ => FindingSeverity.Warning,
    };

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
