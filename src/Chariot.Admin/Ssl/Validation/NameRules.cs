using System.Net;

namespace Chariot.Admin.Ssl.Validation;

/// <summary>The names in a server certificate that clients compare with the address they connect to (RFC 9525).</summary>
internal static class NameRules
{
    public static void Inspect(ParsedCertificate leaf, FindingList findings)
    {
        var names = leaf.Extensions.AlternativeNames.Where(name => name.Kind is NameKind.Dns or NameKind.Ip).ToList();
        if (names.Count == 0)
        {
            findings.Warning("certificate.no-san", leaf.At, $"The certificate {leaf.Name} has no DNS name or IP address among its alternative names; browsers, Go and Python clients do not look at the common name.",
                "Request the certificate with a subject alternative name for every name that clients connect to.");
        }

        foreach (var name in names.Where(name => name.Kind == NameKind.Dns))
        {
            if (Fault(name.Text) is { } fault)
            {
                findings.Warning("certificate.san", leaf.At, $"The DNS name {FindingList.Quote(name.Text)} {fault}.", "Request the certificate with a name that clients accept.");
            }
        }

        foreach (var commonName in leaf.Subject.CommonNames)
        {
            // A common name with a blank is a title ("MQTT server, plant 2"), which no client compares.
            if (names.Count > 0 && LooksLikeName(commonName) && !names.Exists(name => Covers(name, commonName)))
            {
                findings.Warning("certificate.san", leaf.At, $"The common name {FindingList.Quote(commonName)} is not among the alternative names, which alone count: {FindingList.Quote(string.Join(", ", names.Select(name => name.Text)))}.",
                    "Connect by one of these names, or request the certificate with the common name as alternative name too.");
            }
        }

        var withPrefix = leaf.Subject.CommonNames.Concat(names.Where(name => name.Kind == NameKind.Dns).Select(name => name.Text))
            .FirstOrDefault(name => name.StartsWith("www.", StringComparison.OrdinalIgnoreCase));
        if (withPrefix is not null)
        {
            findings.Warning("certificate.www-name", leaf.At, $"The name {FindingList.Quote(withPrefix)} begins with \"www.\"; MQTT clients mostly connect to the name without it.",
                "Request the certificate for the exact name that clients connect to.");
        }
    }

    /// <summary>Whether clients can compare <paramref name="name"/>: a host name or an address.</summary>
    public static bool LooksLikeName(string name) => IPAddress.TryParse(name, out _) || (name.Length > 0 && name.IndexOfAny([' ', ',', '/', '@']) < 0);

    /// <summary>What is wrong with a DNS name, to follow "the name ..."; null when clients accept it.</summary>
    public static string? Fault(string name)
    {
        if (IPAddress.TryParse(name, out _) && (name.Contains(':', StringComparison.Ordinal) || name.Count(character => character == '.') == 3))
        {
            return "is an IP address, which clients look for among the IP addresses only";
        }

        var labels = name.TrimEnd('.').Split('.');
        if (name.Contains('*', StringComparison.Ordinal))
        {
            if (labels[0] != "*" || labels.Skip(1).Any(label => label.Contains('*', StringComparison.Ordinal)))
            {
                return "has a wildcard that is not its whole first part, so clients refuse it";
            }

            if (labels.Length < 3)
            {
                return "is a wildcard right below a top-level domain, which clients refuse";
            }

            labels = labels[1..];
        }

        return name.Length is 0 or > 253 || labels.Any(label => !IsLabel(label)) ? "is not a valid host name" : null;
    }

    private static bool IsLabel(string label) =>
        label.Length is > 0 and <= 63 && label[0] != '-' && label[^1] != '-' && label.All(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_');

    private static bool Covers(GeneralName name, string commonName)
    {
        if (name.Kind == NameKind.Ip)
        {
            return IPAddress.TryParse(commonName, out var address) && address.GetAddressBytes().AsSpan().SequenceEqual(name.Bytes);
        }

        if (string.Equals(name.Text.TrimEnd('.'), commonName.TrimEnd('.'), StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        var dot = commonName.IndexOf('.', StringComparison.Ordinal);
        return name.Text.StartsWith("*.", StringComparison.Ordinal) && dot > 0 && string.Equals(name.Text[1..], commonName[dot..], StringComparison.OrdinalIgnoreCase);
    }
}
