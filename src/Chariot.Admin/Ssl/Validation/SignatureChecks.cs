using Org.BouncyCastle.Crypto;
using Org.BouncyCastle.Security;
using Org.BouncyCastle.X509;

namespace Chariot.Admin.Ssl.Validation;

/// <summary>
/// Verifies who signed what, each pair once and at most 100 pairs: hostile files may name everybody as everybody's issuer.
/// Keys that would make the mathematics slow or unsafe are not used at all.
/// </summary>
internal sealed class SignatureChecks
{
    private const int Limit = 100;
    private const int LargestRsaBits = 16384;

    private readonly Dictionary<(string Issuer, string Certificate), bool> _known = [];

    /// <summary>The limit was reached, so answers are no longer complete.</summary>
    public bool IsExhausted { get; private set; }

    /// <summary>Whether <paramref name="certificate"/> carries a good signature of <paramref name="issuer"/>.</summary>
    public bool IsSignedBy(ParsedCertificate certificate, ParsedCertificate issuer)
    {
        var pair = (issuer.Sha256, certificate.Sha256);
        if (_known.TryGetValue(pair, out var signed))
        {
            return signed;
        }

        if (_known.Count == Limit)
        {
            IsExhausted = true;
            return false;
        }

        return _known[pair] = IsUsable(issuer.Key) && Verify(certificate, issuer);
    }

    /// <summary>Root in the sense of a chain: issued by itself.</summary>
    public bool IsSelfSigned(ParsedCertificate certificate) => certificate.IsSelfIssued && IsSignedBy(certificate, certificate);

    /// <summary>Whether the mathematics of <paramref name="key"/> is quick and safe.</summary>
    public static bool IsUsable(PublicKeyInfo key) => key.AlgorithmOid switch
    {
        KnownOids.Rsa or KnownOids.RsaPss => key.Bits is >= 512 and <= LargestRsaBits && key.ExponentBits is > 1 and <= 64,
        KnownOids.Ec => !key.HasExplicitCurve && key.Bits > 0,
        _ => key.KeyType is "Ed25519" or "Ed448",
    };

    private static bool Verify(ParsedCertificate certificate, ParsedCertificate issuer)
    {
        try
        {
            return new X509Certificate(certificate.Der).IsSignatureValid(PublicKeyFactory.CreateKey(issuer.PublicKeyDer));
        }
        catch (Exception error) when (error is GeneralSecurityException or CryptoException or ArgumentException or IOException
            or InvalidOperationException or ArithmeticException or InvalidCastException or FormatException)
        {
            // An algorithm that does not fit the key, or a key that is no point of its curve: not a good signature.
            return false;
        }
    }
}
