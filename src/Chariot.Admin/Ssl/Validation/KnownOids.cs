namespace Chariot.Admin.Ssl.Validation;

/// <summary>Object identifiers by the names that people know.</summary>
internal static class KnownOids
{
    public const string Rsa = "1.2.840.113549.1.1.1";
    public const string RsaPss = "1.2.840.113549.1.1.10";
    public const string Ec = "1.2.840.10045.2.1";
    public const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    public const string AnyExtendedKeyUsage = "2.5.29.37.0";

    /// <summary>Algorithm of a key, e.g. "Ed25519".</summary>
    public static string KeyAlgorithm(string oid) => oid switch
    {
        Rsa => "RSA",
        RsaPss => "RSA-PSS",
        "1.2.840.113549.1.1.7" => "RSA-OAEP",
        Ec => "EC",
        "1.2.840.10040.4.1" => "DSA",
        "1.2.840.113549.1.3.1" or "1.2.840.10046.2.1" => "DH",
        "1.3.101.110" => "X25519",
        "1.3.101.111" => "X448",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        "1.2.156.10197.1.301" => "SM2",
        _ => $"unknown ({oid})",
    };

    /// <summary>Name and field size in bits of a named curve.</summary>
    public static (string Name, int Bits) Curve(string oid) => oid switch
    {
        "1.2.840.10045.3.1.1" => ("P-192", 192),
        "1.3.132.0.33" => ("P-224", 224),
        "1.2.840.10045.3.1.7" => ("P-256", 256),
        "1.3.132.0.34" => ("P-384", 384),
        "1.3.132.0.35" => ("P-521", 521),
        "1.3.132.0.10" => ("secp256k1", 256),
        "1.3.36.3.3.2.8.1.1.7" => ("brainpoolP256r1", 256),
        "1.3.36.3.3.2.8.1.1.11" => ("brainpoolP384r1", 384),
        "1.3.36.3.3.2.8.1.1.13" => ("brainpoolP512r1", 512),
        _ => (oid, 0),
    };

    /// <summary>Name of a signature algorithm and whether its hash is broken (MD2, MD4, MD5, SHA-1).</summary>
    public static (string Name, bool IsWeak) Signature(string oid) => oid switch
    {
        "1.2.840.113549.1.1.2" => ("md2WithRSAEncryption", true),
        "1.2.840.113549.1.1.3" => ("md4WithRSAEncryption", true),
        "1.2.840.113549.1.1.4" => ("md5WithRSAEncryption", true),
        "1.2.840.113549.1.1.5" or "1.3.14.3.2.29" => ("sha1WithRSAEncryption", true),
        "1.2.840.10040.4.3" => ("dsa-with-SHA1", true),
        "1.2.840.10045.4.1" => ("ecdsa-with-SHA1", true),
        "1.2.840.113549.1.1.11" => ("sha256WithRSAEncryption", false),
        "1.2.840.113549.1.1.12" => ("sha384WithRSAEncryption", false),
        "1.2.840.113549.1.1.13" => ("sha512WithRSAEncryption", false),
        "1.2.840.113549.1.1.14" => ("sha224WithRSAEncryption", false),
        "1.2.840.10045.4.3.1" => ("ecdsa-with-SHA224", false),
        "1.2.840.10045.4.3.2" => ("ecdsa-with-SHA256", false),
        "1.2.840.10045.4.3.3" => ("ecdsa-with-SHA384", false),
        "1.2.840.10045.4.3.4" => ("ecdsa-with-SHA512", false),
        RsaPss => ("rsassaPss", false),
        "1.3.101.112" => ("Ed25519", false),
        "1.3.101.113" => ("Ed448", false),
        _ => (oid, false),
    };

    /// <summary>Extensions that TLS libraries process, so that they may be critical (RFC 5280 section 4.2).</summary>
    public static bool IsProcessedExtension(string oid) => oid is
        "2.5.29.14" or "2.5.29.15" or "2.5.29.17" or "2.5.29.18" or "2.5.29.19" or "2.5.29.30" or "2.5.29.31" or "2.5.29.32"
        or "2.5.29.33" or "2.5.29.35" or "2.5.29.36" or "2.5.29.37" or "2.5.29.54" or "1.3.6.1.5.5.7.1.1" or "1.3.6.1.5.5.7.1.24";

    /// <summary>Short name of an attribute in a distinguished name.</summary>
    public static string Attribute(string oid) => oid switch
    {
        "2.5.4.3" => "CN",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "street",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.12" => "title",
        "2.5.4.42" => "GN",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        _ => oid,
    };
}
