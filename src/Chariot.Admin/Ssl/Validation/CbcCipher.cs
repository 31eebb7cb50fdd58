using System.Security.Cryptography;

namespace Chariot.Admin.Ssl.Validation;

/// <summary>A block cipher in CBC mode with PKCS#7 padding, one of those that tools encrypt private keys with.</summary>
internal sealed record CbcCipher(bool IsAes, int KeyBytes)
{
    private static readonly CbcCipher Aes128 = new(true, 16);
    private static readonly CbcCipher Aes192 = new(true, 24);
    private static readonly CbcCipher Aes256 = new(true, 32);
    private static readonly CbcCipher TripleDes = new(false, 24);

    public int BlockBytes => IsAes ? 16 : 8;

    /// <summary>By its identifier in PBES2 (RFC 8018 appendix B.2); null when it is not read here.</summary>
    public static CbcCipher? FromOid(string oid) => oid switch
    {
        "2.16.840.1.101.3.4.1.2" => Aes128,
        "2.16.840.1.101.3.4.1.22" => Aes192,
        "2.16.840.1.101.3.4.1.42" => Aes256,
        "1.2.840.113549.3.7" => TripleDes,
        _ => null,
    };

    /// <summary>By its name in a DEK-Info header; null when it is not read here.</summary>
    public static CbcCipher? FromName(string name) => name switch
    {
        "AES-128-CBC" => Aes128,
        "AES-192-CBC" => Aes192,
        "AES-256-CBC" => Aes256,
        "DES-EDE3-CBC" => TripleDes,
        _ => null,
    };

    /// <summary>False when the padding is wrong, which is what a wrong key looks like.</summary>
    /// <param name="clear">As long as <paramref name="content"/> at least.</param>
    public bool TryDecrypt(ReadOnlySpan<byte> key, ReadOnlySpan<byte> iv, ReadOnlySpan<byte> content, Span<byte> clear, out int written)
    {
        written = 0;
        try
        {
#pragma warning disable CA5350 // Old keys are encrypted with it (openssl genrsa -des3), and are only read here, never written.
            using SymmetricAlgorithm cipher = IsAes ? Aes.Create() : System.Security.Cryptography.TripleDES.Create();
#pragma warning restore CA5350
            cipher.SetKey(key);
            return cipher.TryDecryptCbc(content, iv, clear, out written, PaddingMode.PKCS7);
        }
        catch (CryptographicException)
        {
            return false;
        }
    }
}
