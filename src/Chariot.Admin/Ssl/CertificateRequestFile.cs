using System.Collections.Immutable;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Ssl.Validation;

namespace Chariot.Admin.Ssl;

/// <summary>The names that a certificate is requested for; blank parts are left out.</summary>
internal sealed record CertificateNames(
    string? CommonName,
    string? Organization,
    string? OrganizationalUnit,
    string? Locality,
    string? State,
    string? Country,
    IReadOnlyList<string> DnsNames,
    IReadOnlyList<string> IpAddresses)
{
    private const int MaximumNames = 100;

    /// <summary>What a CA would refuse (errors), and what clients would stumble over (warnings).</summary>
    public ImmutableArray<Finding> Inspect()
    {
        var findings = ImmutableArray.CreateBuilder<Finding>();
        // Upper bounds of RFC 5280 appendix A.1.
        Bound(CommonName, "subject.cn", 64);
        Bound(Organization, "subject.o", 64);
        Bound(OrganizationalUnit, "subject.ou", 64);
        Bound(Locality, "subject.l", 128);
        Bound(State, "subject.st", 128);
        if (!string.IsNullOrEmpty(Country) && !(Country.Length == 2 && Country.All(char.IsAsciiLetter)))
        {
            findings.Add(Findings.Error("csr.country", "subject.c", "A country is two letters, as in DE or US (ISO 3166)."));
        }

        if (DnsNames.Count + IpAddresses.Count > MaximumNames)
        {
            findings.Add(Findings.Error("csr.too-many-names", "dnsNames", $"More than {MaximumNames} names."));
            return findings.ToImmutable();
        }

        for (var i = 0; i < DnsNames.Count; i++)
        {
            if (NameRules.Fault(DnsNames[i] ?? "") is { } fault)
            {
                findings.Add(Findings.Error("csr.dns-name", $"dnsNames[{i}]", $"The DNS name {fault}."));
            }
        }

        for (var i = 0; i < IpAddresses.Count; i++)
        {
            if (!IPAddress.TryParse(IpAddresses[i], out _))
            {
                findings.Add(Findings.Error("csr.ip-address", $"ipAddresses[{i}]", "This is not an IP address."));
            }
        }

        if (string.IsNullOrEmpty(CommonName) && DnsNames.Count == 0 && IpAddresses.Count == 0)
        {
            findings.Add(Findings.Error("csr.no-name", "subject.cn", "The request names neither a common name nor a DNS name nor an IP address."));
        }

        Warn(findings);
        return findings.ToImmutable();

        void Bound(string? value, string field, int maximum)
        {
            if (value is not null && (value.Length > maximum || value.Any(char.IsControl)))
            {
                findings.Add(Findings.Error("csr.subject", field, $"At most {maximum} characters, none of them a control character."));
            }
        }
    }

    /// <summary>The subject in the usual order, country first.</summary>
    public X500DistinguishedName Subject()
    {
        // The builder encodes its parts last to first.
        var name = new X500DistinguishedNameBuilder();
        Add(CommonName, name.AddCommonName);
        Add(OrganizationalUnit, name.AddOrganizationalUnitName);
        Add(Organization, name.AddOrganizationName);
        Add(Locality, name.AddLocalityName);
        Add(State, name.AddStateOrProvinceName);
        if (!string.IsNullOrEmpty(Country))
        {
            name.AddCountryOrRegion(Country.ToUpperInvariant());
        }

        return name.Build();

        static void Add(string? value, Action<string> add)
        {
            if (!string.IsNullOrWhiteSpace(value))
            {
                add(value);
            }
        }
    }

    private void Warn(ImmutableArray<Finding>.Builder findings)
    {
        if (DnsNames.Count + IpAddresses.Count == 0)
        {
            findings.Add(Findings.Warning("csr.no-san", "dnsNames", "The request has no DNS name and no IP address; most clients do not look at the common name.",
                "Name every host name and address that clients connect to."));
        }
        else if (!string.IsNullOrEmpty(CommonName) && NameRules.LooksLikeName(CommonName)
            && !DnsNames.Concat(IpAddresses).Contains(CommonName, StringComparer.OrdinalIgnoreCase))
        {
            findings.Add(Findings.Warning("csr.san", "dnsNames", "The common name is not among the DNS names and IP addresses, which alone count for clients.",
                "Add it to them if clients connect to it."));
        }

        if (CommonName?.StartsWith("www.", StringComparison.OrdinalIgnoreCase) == true)
        {
            findings.Add(Findings.Warning("csr.www-name", "subject.cn", "The common name begins with \"www.\"; MQTT clients mostly connect to the name without it.",
                "Request the certificate for the exact name that clients connect to."));
        }
    }
}

/// <summary>A PKCS#10 request (RFC 2986) and the warnings it was made with.</summary>
internal sealed record CertificateRequestFile(string Pem, ImmutableArray<Finding> Findings)
{
    public const string ContentType = "application/pkcs10";

    /// <summary>Signs a request for a server certificate with SHA-256.</summary>
    public static CertificateRequestFile Create(CertificateNames names, RSA key, ImmutableArray<Finding> findings)
    {
        var request = new CertificateRequest(names.Subject(), key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyEncipherment, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(KnownOids.ServerAuthentication)], critical: false));
        if (names.DnsNames.Count + names.IpAddresses.Count > 0)
        {
            var alternatives = new SubjectAlternativeNameBuilder();
            foreach (var name in names.DnsNames)
            {
                alternatives.AddDnsName(name);
            }

            foreach (var address in names.IpAddresses)
            {
                alternatives.AddIpAddress(IPAddress.Parse(address));
            }

            request.CertificateExtensions.Add(alternatives.Build());
        }

        return new CertificateRequestFile(request.CreateSigningRequestPem() + "\n", findings);
    }
}
