using System.Collections.Frozen;
using System.Collections.Immutable;
using Chariot.Abstractions.Configuration;

namespace Chariot.Edge.Authentication;

/// <summary>
/// Finds the credential that a certificate stands for. Values are compared whole and byte for byte, and the first mapping of the
/// administrator's list that fits decides (NATS CVE-2026-33248: names compared loosely gave one client another's rights).
/// </summary>
internal sealed class CertificateMappingRule(ImmutableArray<CertificateMapping> mappings)
{
    private readonly FrozenDictionary<(CertificateField Match, string Value), (int Order, string Username)> _byName = mappings
        .Select((mapping, order) => KeyValuePair.Create((mapping.Match, mapping.Value), (order, mapping.Username)))
        .DistinctBy(entry => entry.Key)
        .ToFrozenDictionary();

    private readonly bool _looksAtSubject = mappings.Any(mapping => mapping.Match is CertificateField.CommonName or CertificateField.Subject);
    private readonly bool _looksAtAlternativeNames = mappings.Any(mapping => mapping.Match is CertificateField.DnsName or CertificateField.Uri);

    public CertificateIdentity Identify(CertificateNames names)
    {
        if (_byName.Count == 0)
        {
            return default;
        }

        (int Order, string Username)? first = null;
        Try(CertificateField.CommonName, names.CommonName);
        Try(CertificateField.Subject, names.Subject);
        names.DnsNames.ForEach(name => Try(CertificateField.DnsName, name));
        names.Uris.ForEach(uri => Try(CertificateField.Uri, uri));
        if (first is { } found)
        {
            return new CertificateIdentity(CertificateIdentityKind.Mapped, found.Username);
        }

        // A name that another reader could take for a mapped one must not pass for no name at all.
        var isUnclear = (_looksAtSubject && names.IsSubjectUnclear) || (_looksAtAlternativeNames && names.AreAlternativeNamesUnclear);
        return isUnclear ? new CertificateIdentity(CertificateIdentityKind.Unclear) : default;

        void Try(CertificateField match, string? value)
        {
            if (value is not null && _byName.TryGetValue((match, value), out var entry) && !(first?.Order < entry.Order))
            {
                first = entry;
            }
        }
    }
}
