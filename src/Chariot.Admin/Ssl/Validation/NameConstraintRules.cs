using System.Net;

namespace Chariot.Admin.Ssl.Validation;

/// <summary>Name constraints of a CA (RFC 5280 section 4.2.1.10) against the names of a certificate below it.</summary>
internal static class NameConstraintRules
{
    /// <summary>The first name of <paramref name="certificate"/> that <paramref name="issuer"/> may not certify, or null.</summary>
    public static string? FirstViolation(ParsedCertificate issuer, ParsedCertificate certificate)
    {
        var permitted = issuer.Extensions.PermittedNames;
        var excluded = issuer.Extensions.ExcludedNames;
        if (permitted.Count == 0 && excluded.Count == 0)
        {
            return null;
        }

        return NamesOf(certificate).FirstOrDefault(name =>
            excluded.Exists(constraint => constraint.Kind == name.Kind && Matches(constraint, name))
            || (permitted.Exists(constraint => constraint.Kind == name.Kind) && !permitted.Exists(constraint => constraint.Kind == name.Kind && Matches(constraint, name))))?.Text;
    }

    private static IEnumerable<GeneralName> NamesOf(ParsedCertificate certificate)
    {
        foreach (var name in certificate.Extensions.AlternativeNames)
        {
            yield return name;
        }

        if (!certificate.Subject.IsEmpty)
        {
            yield return new GeneralName(NameKind.Directory, certificate.Subject.Display, [], certificate.Subject);
        }

        // As OpenSSL does: without alternative names, clients that still use the common name must not get around the constraint.
        if (!certificate.Extensions.HasAlternativeNames && !certificate.Extensions.IsCa)
        {
            foreach (var name in certificate.Subject.CommonNames.Where(NameRules.LooksLikeName))
            {
                yield return IPAddress.TryParse(name, out var address)
                    ? new GeneralName(NameKind.Ip, name, address.GetAddressBytes())
                    : new GeneralName(NameKind.Dns, name, []);
            }
        }
    }

    private static bool Matches(GeneralName constraint, GeneralName name) => name.Kind switch
    {
        NameKind.Dns => IsHostWithin(name.Text, constraint.Text),
        NameKind.Ip => IsAddressWithin(name.Bytes, constraint.Bytes),
        NameKind.Directory => name.Directory!.IsWithin(constraint.Directory!),
        NameKind.Email => IsMailWithin(name.Text, constraint.Text),
        NameKind.Uri => Uri.TryCreate(name.Text, UriKind.Absolute, out var uri) && IsSameOrDotted(uri.Host, constraint.Text),
        _ => false,
    };

    private static bool IsHostWithin(string host, string constraint)
    {
        var domain = constraint.TrimStart('.');
        return domain.Length == 0 || string.Equals(host, domain, StringComparison.OrdinalIgnoreCase)
            || host.EndsWith("." + domain, StringComparison.OrdinalIgnoreCase);
    }

    private static bool IsAddressWithin(byte[] address, byte[] constraint)
    {
        if (constraint.Length != 2 * address.Length)
        {
            return false;
        }

        for (var i = 0; i < address.Length; i++)
        {
            var mask = constraint[address.Length + i];
            if ((address[i] & mask) != (constraint[i] & mask))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsMailWithin(string mail, string constraint)
    {
        var host = mail[(mail.LastIndexOf('@') + 1)..];
        return constraint.Contains('@', StringComparison.Ordinal)
            ? string.Equals(mail, constraint, StringComparison.OrdinalIgnoreCase)
            : IsSameOrDotted(host, constraint);
    }

    // For mail and URI a leading dot means "below", no dot means exactly this host.
    private static bool IsSameOrDotted(string host, string constraint) => constraint.StartsWith('.')
        ? host.EndsWith(constraint, StringComparison.OrdinalIgnoreCase)
        : string.Equals(host, constraint, StringComparison.OrdinalIgnoreCase);
}
