using System.Globalization;

namespace Chariot.Admin.Ssl.Validation;

/// <summary>The blocks of the certificate and chain slots, and the rules of the server certificate by itself.</summary>
internal static class CertificateRules
{
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan SoonPeriod = TimeSpan.FromDays(30);

    /// <summary>All certificates of the file; everything else in it is reported.</summary>
    public static List<ParsedCertificate> Read(SlotContent file, FindingList findings)
    {
        var certificates = new List<ParsedCertificate>();
        foreach (var block in file.Blocks)
        {
            if (block.Kind != PemKind.Certificate)
            {
                Refuse(file, block, findings);
            }
            else if (!block.IsBroken && CertificateParser.Parse(block, findings) is { } certificate)
            {
                certificates.Add(certificate);
            }
        }

        return certificates;
    }

    /// <summary>The rules that need nothing but the server certificate and the clock.</summary>
    public static void Inspect(ParsedCertificate leaf, bool isSelfSigned, DateTimeOffset now, FindingList findings)
    {
        InspectKey(leaf, findings);
        InspectDates(leaf, now, findings);
        InspectUse(leaf, isSelfSigned, findings);
        NameRules.Inspect(leaf, findings);
    }

    /// <summary>Key, signature and version rules that hold for server certificates and intermediates alike.</summary>
    public static void InspectStrength(ParsedCertificate certificate, FindingList findings)
    {
        if (certificate.HasWeakSignature)
        {
            findings.Error("certificate.weak-signature", certificate.At, $"The certificate {certificate.Name} is signed with {certificate.SignatureAlgorithm}, which can be forged.",
                "Ask the CA for a certificate signed with SHA-256.");
        }

        if (certificate.Key.KeyType == "RSA" && certificate.Key.Bits < RsaKeyRules.SmallestBits)
        {
            findings.Error("chain.key-too-small", certificate.At, $"The RSA key in the certificate {certificate.Name} has {certificate.Key.Bits} bits; TLS clients refuse less than {RsaKeyRules.SmallestBits}.",
                "Get a certificate with a key of at least 2048 bits.");
        }

        foreach (var oid in certificate.Extensions.UnknownCritical)
        {
            var what = oid == "1.3.6.1.4.1.11129.2.4.3" ? "it is a pre-certificate for transparency logs, not for use" : $"its extension {oid} is critical and unknown to TLS clients";
            findings.Error("certificate.critical-extension", certificate.At, $"The certificate {certificate.Name} cannot be used: {what}.", "Ask the CA for a certificate for TLS servers.");
        }
    }

    private static void InspectKey(ParsedCertificate leaf, FindingList findings)
    {
        InspectStrength(leaf, findings);
        if (!leaf.Key.IsRsa)
        {
            findings.Error("certificate.not-rsa", leaf.At, $"The certificate {leaf.Name} is for a key of type {leaf.Key.KeyType}; Chariot needs RSA.", "Request the certificate with an RSA key.");
        }

        if (leaf.Version < 3)
        {
            findings.Warning("certificate.v1", leaf.At, $"The certificate {leaf.Name} is of version {leaf.Version}, which cannot say what it is for; many clients refuse it.", "Request a version 3 certificate.");
        }
    }

    private static void InspectDates(ParsedCertificate leaf, DateTimeOffset now, FindingList findings)
    {
        var clock = $"the server's clock says {FindingList.Date(now)}";
        if (now > leaf.NotAfter)
        {
            findings.Error("certificate.expired", leaf.At, $"The certificate {leaf.Name} expired on {FindingList.Date(leaf.NotAfter)}, {Days(now - leaf.NotAfter)} ago; {clock}.", "Get a new certificate from the CA.");
        }
        else if (now < leaf.NotBefore)
        {
            var message = $"The certificate {leaf.Name} is not valid before {FindingList.Date(leaf.NotBefore)}; {clock}.";
            const string Remedy = "Is the server's clock right? If it is, wait until the certificate becomes valid.";
            if (leaf.NotBefore - now <= ClockSkew)
            {
                findings.Warning("certificate.not-yet-valid", leaf.At, message, Remedy);
            }
            else
            {
                findings.Error("certificate.not-yet-valid", leaf.At, message, Remedy);
            }
        }
        else if (leaf.NotAfter - now < SoonPeriod)
        {
            findings.Warning("certificate.expires-soon", leaf.At, $"The certificate {leaf.Name} expires on {FindingList.Date(leaf.NotAfter)}, in {Days(leaf.NotAfter - now)}.", "Get a new certificate from the CA now.");
        }
    }

    private static void InspectUse(ParsedCertificate leaf, bool isSelfSigned, FindingList findings)
    {
        if (isSelfSigned)
        {
            findings.Warning("certificate.self-signed", leaf.At, $"The certificate {leaf.Name} is signed by itself; clients must be given exactly this certificate to trust.", "Good for tests; use a certificate from a CA otherwise.");
        }

        if (leaf.Extensions.IsCa)
        {
            var message = $"The certificate {leaf.Name} is a CA certificate (CA:TRUE), not one for a server.";
            const string Remedy = "Upload the certificate that was issued for this server; CA certificates go in the chain slot.";
            if (isSelfSigned)
            {
                findings.Warning("certificate.is-ca", leaf.At, message, Remedy);
            }
            else
            {
                findings.Error("certificate.is-ca", leaf.At, message, Remedy);
            }
        }

        if (leaf.Extensions.ExtendedKeyUsages is { } usages && !usages.Contains(KnownOids.ServerAuthentication))
        {
            if (usages.Contains(KnownOids.AnyExtendedKeyUsage))
            {
                findings.Warning("certificate.eku", leaf.At, $"The certificate {leaf.Name} allows any use but does not name TLS servers (serverAuth); some clients refuse it.", "Request it with the extended key usage serverAuth.");
            }
            else
            {
                findings.Error("certificate.eku", leaf.At, $"The certificate {leaf.Name} is not for TLS servers: its extended key usage lacks serverAuth.", "Request a server certificate; this one may be meant for clients.");
            }
        }

        if (leaf.Extensions.KeyUsage is { } keyUsage && (keyUsage & CertificateExtensions.DigitalSignature) == 0)
        {
            findings.Error("certificate.key-usage", leaf.At, $"The key usage of the certificate {leaf.Name} lacks digitalSignature, without which TLS 1.3 and ECDHE do not work.", "Request it with the key usage digitalSignature.");
        }

        if (leaf.Extensions.MustStaple)
        {
            findings.Warning("certificate.must-staple", leaf.At, $"The certificate {leaf.Name} demands a stapled OCSP answer (must-staple); clients that honour this refuse the connection while stapling is off.", "Switch OCSP stapling on, or request the certificate without must-staple.");
        }
    }

    private static void Refuse(SlotContent file, PemBlock block, FindingList findings)
    {
        var slot = file.Slot == Abstractions.Configuration.SslFile.CaChain ? "chain" : "certificate";
        if (block.IsPrivateKey)
        {
            findings.Error("certificate.is-key", block.At, $"The {slot} file holds a private key (line {block.At.Line}).", "Upload keys in the private key slot only: certificates are stored and shown in clear.");
            return;
        }

        switch (block.Kind)
        {
            case PemKind.Request:
                findings.Error($"{slot}.is-request", block.At, $"The file holds a certificate request (line {block.At.Line}).", "The request goes to the CA; upload what the CA sent back.");
                break;
            case PemKind.Pkcs7:
                var pkcs7 = FileFormat.Pkcs7();
                findings.Error(pkcs7.Code, block.At, $"The block at line {block.At.Line} is in PKCS#7 format.", pkcs7.Remedy);
                break;
            default:
                findings.Error("file.label", block.At, $"The block at line {block.At.Line} is labelled {FindingList.Quote(block.Label)}, which does not belong in this file.", RemedyFor(block));
                break;
        }
    }

    private static string RemedyFor(PemBlock block) => block.Label switch
    {
        "TRUSTED CERTIFICATE" => "Convert it: openssl x509 -in file.pem -out certificate.pem.",
        "X509 CRL" => "Revocation lists belong to client certificates.",
        _ when block.Kind == PemKind.PublicKey => "This is half of a key; upload the certificate that the CA sent.",
        _ => "Leave only blocks labelled CERTIFICATE in this file.",
    };

    private static string Days(TimeSpan span)
    {
        var days = (int)span.TotalDays;
        return days == 1 ? "1 day" : string.Create(CultureInfo.InvariantCulture, $"{days} days");
    }
}
