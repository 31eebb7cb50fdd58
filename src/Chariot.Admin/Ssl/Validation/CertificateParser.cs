using System.Formats.Asn1;
using System.Numerics;
using System.Security.Cryptography;

namespace Chariot.Admin.Ssl.Validation;

/// <summary>Reads X.509 certificates (RFC 5280 section 4.1) with the bounded DER reader only: no curve mathematics, no library.</summary>
internal static class CertificateParser
{
    private static readonly Asn1Tag Version = new(TagClass.ContextSpecific, 0, isConstructed: true);
    private static readonly Asn1Tag IssuerUniqueId = new(TagClass.ContextSpecific, 1);
    private static readonly Asn1Tag SubjectUniqueId = new(TagClass.ContextSpecific, 2);
    private static readonly Asn1Tag Extensions = new(TagClass.ContextSpecific, 3, isConstructed: true);

    /// <summary>The certificate in <paramref name="block"/>, or null after reporting why there is none.</summary>
    public static ParsedCertificate? Parse(PemBlock block, FindingList findings)
    {
        if (!DerContent.IsSound(block.Content, block.At, findings))
        {
            return null;
        }

        try
        {
            var certificate = Parse(block.Content.ToArray(), block.At, findings);
            if (certificate is { Key.HasExplicitCurve: true })
            {
                findings.Error("chain.explicit-curve", block.At, $"The key in block {block.At.Block} ({certificate.Name}) spells out its elliptic curve instead of naming it.",
                    "TLS libraries refuse such keys; ask for a certificate with a named curve or an RSA key.");
            }

            return certificate;
        }
        catch (Exception error) when (error is AsnContentException or CryptographicException or ArgumentException or OverflowException)
        {
            DerContent.NotWhatItSays(block.At, "a certificate", findings);
            return null;
        }
    }

    private static ParsedCertificate? Parse(byte[] der, Place at, FindingList findings)
    {
        var outer = new AsnReader(der, AsnEncodingRules.DER);
        var certificate = outer.ReadSequence();
        outer.ThrowIfNotEmpty();
        var body = certificate.ReadSequence();
        var (signature, isWeak) = ReadSignatureAlgorithm(certificate);
        certificate.ReadBitString(out _);
        certificate.ThrowIfNotEmpty();

        var version = 1;
        if (body.PeekTag().HasSameClassAndValue(Version))
        {
            var explicitVersion = body.ReadSequence(Version);
            if (!explicitVersion.TryReadInt32(out var number) || number is < 0 or > 2)
            {
                throw new AsnContentException();
            }

            explicitVersion.ThrowIfNotEmpty();
            version = number + 1;
        }

        var serial = Convert.ToHexStringLower(body.ReadIntegerBytes().Span);
        body.ReadSequence();
        var issuer = DistinguishedName.Read(body);
        var validity = body.ReadSequence();
        var notBefore = ReadTime(validity);
        var notAfter = ReadTime(validity);
        validity.ThrowIfNotEmpty();
        var subject = DistinguishedName.Read(body);
        var publicKey = body.PeekEncodedValue().ToArray();
        var key = ReadPublicKey(body.ReadSequence());
        SkipUniqueId(body, IssuerUniqueId);
        SkipUniqueId(body, SubjectUniqueId);
        var extensions = new CertificateExtensions();
        if (body.HasData)
        {
            var wrapper = body.ReadSequence(Extensions);
            body.ThrowIfNotEmpty();
            if (!ExtensionReader.Read(wrapper.ReadSequence(), extensions, at, findings))
            {
                return null;
            }

            wrapper.ThrowIfNotEmpty();
        }

        return new ParsedCertificate
        {
            At = at,
            Der = der,
            Version = version,
            SerialNumber = serial.Length > 2 && serial.StartsWith("00", StringComparison.Ordinal) ? serial[2..] : serial,
            Subject = subject,
            Issuer = issuer,
            NotBefore = notBefore,
            NotAfter = notAfter,
            Key = key,
            PublicKeyDer = publicKey,
            SignatureAlgorithm = signature,
            HasWeakSignature = isWeak,
            Extensions = extensions,
        };
    }

    /// <summary>One fingerprint for both halves of an RSA key pair: SHA-256 over modulus and exponent, big-endian without sign.</summary>
    public static string RsaFingerprint(ReadOnlySpan<byte> modulus, ReadOnlySpan<byte> exponent)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        modulus = modulus.TrimStart((byte)0);
        hash.AppendData(BitConverter.GetBytes(modulus.Length));
        hash.AppendData(modulus);
        hash.AppendData(exponent.TrimStart((byte)0));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Name and hash strength of an AlgorithmIdentifier of a signature; RSA-PSS keeps its hash in the parameters.</summary>
    private static (string Name, bool IsWeak) ReadSignatureAlgorithm(AsnReader certificate)
    {
        var algorithm = certificate.ReadSequence();
        var oid = algorithm.ReadObjectIdentifier();
        if (oid != KnownOids.RsaPss || !algorithm.HasData)
        {
            return KnownOids.Signature(oid);
        }

        // RFC 4055 section 3.1: without [0] the hash is SHA-1.
        var parameters = algorithm.ReadSequence();
        var hashTag = new Asn1Tag(TagClass.ContextSpecific, 0, isConstructed: true);
        if (!parameters.HasData || !parameters.PeekTag().HasSameClassAndValue(hashTag))
        {
            return ("rsassaPss with SHA-1", true);
        }

        var hash = parameters.ReadSequence(hashTag).ReadSequence().ReadObjectIdentifier();
        return hash switch
        {
            "1.3.14.3.2.26" => ("rsassaPss with SHA-1", true),
            "1.2.840.113549.2.5" => ("rsassaPss with MD5", true),
            "2.16.840.1.101.3.4.2.1" => ("rsassaPss with SHA-256", false),
            "2.16.840.1.101.3.4.2.2" => ("rsassaPss with SHA-384", false),
            "2.16.840.1.101.3.4.2.3" => ("rsassaPss with SHA-512", false),
            _ => ("rsassaPss", false),
        };
    }

    private static DateTimeOffset ReadTime(AsnReader validity) =>
        validity.PeekTag().HasSameClassAndValue(Asn1Tag.UtcTime) ? validity.ReadUtcTime() : validity.ReadGeneralizedTime();

    private static void SkipUniqueId(AsnReader body, Asn1Tag tag)
    {
        if (body.HasData && body.PeekTag().HasSameClassAndValue(tag))
        {
            body.ReadBitString(out _, tag);
        }
    }

    private static PublicKeyInfo ReadPublicKey(AsnReader info)
    {
        var algorithm = info.ReadSequence();
        var oid = algorithm.ReadObjectIdentifier();
        var bits = info.ReadBitString(out _);
        info.ThrowIfNotEmpty();
        var name = KnownOids.KeyAlgorithm(oid);
        switch (oid)
        {
            case KnownOids.Ec when !algorithm.HasData || !algorithm.PeekTag().HasSameClassAndValue(Asn1Tag.ObjectIdentifier):
                return new PublicKeyInfo(oid, "EC (explicit curve)", 0) { HasExplicitCurve = true };
            case KnownOids.Ec:
                var curve = algorithm.ReadObjectIdentifier();
                var (curveName, size) = KnownOids.Curve(curve);
                return new PublicKeyInfo(oid, $"EC {curveName}", size) { CurveOid = curve };
            case KnownOids.Rsa or KnownOids.RsaPss:
                if (DerWalker.Check(bits) is not null)
                {
                    throw new AsnContentException();
                }

                var key = new AsnReader(bits, AsnEncodingRules.DER).ReadSequence();
                var modulus = key.ReadIntegerBytes().Span;
                var exponent = key.ReadIntegerBytes().Span;
                key.ThrowIfNotEmpty();
                return new PublicKeyInfo(oid, name, BitLength(modulus))
                {
                    ExponentBits = BitLength(exponent),
                    RsaFingerprint = oid == KnownOids.Rsa ? RsaFingerprint(modulus, exponent) : null,
                };
            default:
                return new PublicKeyInfo(oid, name, name switch { "Ed25519" or "X25519" => 256, "Ed448" => 456, "X448" => 448, _ => 0 });
        }
    }

    /// <summary>Bits of a big-endian number.</summary>
    public static int BitLength(ReadOnlySpan<byte> number)
    {
        number = number.TrimStart((byte)0);
        return number.IsEmpty ? 0 : (8 * number.Length) - BitOperations.LeadingZeroCount(number[0]) + 24;
    }
}
