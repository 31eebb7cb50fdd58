using System.Formats.Asn1;
using System.Security.Cryptography;
using Chariot.Abstractions.Configuration;
using Org.BouncyCastle.Crypto.Generators;
using Org.BouncyCastle.Crypto.Parameters;

namespace Chariot.Admin.Ssl.Validation;

/// <summary>
/// What the outside of an encrypted private key says: how its key is derived, the cipher, and the encrypted bytes. Two forms: PKCS#8 with
/// PBES2 (RFC 8018 section 6.2), and OpenSSL's own with RFC 1421 headers, whose derivation is one MD5 and costs nothing.
/// </summary>
/// <param name="Derivation">Null for OpenSSL's own.</param>
internal sealed record EncryptedKey(KeyDerivation? Derivation, CbcCipher Cipher, byte[] Iv, ReadOnlyMemory<byte> Content)
{
    private const string Pbes2Oid = "1.2.840.113549.1.5.13";
    private const int SaltOfHeader = 8;

    /// <summary>Null when it is a scheme that is not read here.</summary>
    /// <exception cref="AsnContentException">It is damaged.</exception>
    public static EncryptedKey? Read(PemBlock block) => block.Kind == PemKind.EncryptedKey ? ReadPbes2(block.Content) : ReadHeader(block);

    /// <summary>Null when the passphrase does not open it.</summary>
    public ClearSecret? Decrypt(ClearSecret passphrase)
    {
        using var key = new ClearSecret(Cipher.KeyBytes);
        using var clear = new ClearSecret(Content.Length);
        if (Derivation is not null)
        {
            Derivation.Derive(passphrase, key.Bytes);
        }
        else
        {
            DeriveAsOpenSsl(passphrase, key.Bytes);
        }

        if (!Cipher.TryDecrypt(key.Bytes, Iv, Content.Span, clear.Bytes, out var length) || !IsOneSequence(clear.Bytes[..length]))
        {
            return null;
        }

        var opened = new ClearSecret(length);
        clear.Bytes[..length].CopyTo(opened.Bytes);
        return opened;
    }

    private static EncryptedKey? ReadPbes2(byte[] content)
    {
        var info = new AsnReader(content, AsnEncodingRules.DER).ReadSequence();
        var algorithm = info.ReadSequence();
        if (algorithm.ReadObjectIdentifier() != Pbes2Oid)
        {
            return null;
        }

        var parameters = algorithm.ReadSequence();
        var derivation = KeyDerivation.Read(parameters.ReadSequence());
        var scheme = parameters.ReadSequence();
        var cipher = CbcCipher.FromOid(scheme.ReadObjectIdentifier());
        if (derivation is null || cipher is null)
        {
            return null;
        }

        var iv = scheme.ReadOctetString();
        return info.TryReadPrimitiveOctetString(out var encrypted) ? Sound(new EncryptedKey(derivation, cipher, iv, encrypted)) : throw new AsnContentException();
    }

    /// <summary>DEK-Info: the cipher's name, a comma, and its initialization vector in hex.</summary>
    private static EncryptedKey? ReadHeader(PemBlock block)
    {
        var parts = (block.EncryptionHeader ?? "").Split(',', StringSplitOptions.TrimEntries);
        if (parts is not [var name, var hex] || CbcCipher.FromName(name) is not { } cipher)
        {
            return null;
        }

        try
        {
            return Sound(new EncryptedKey(null, cipher, Convert.FromHexString(hex), block.Content));
        }
        catch (FormatException)
        {
            throw new AsnContentException();
        }
    }

    private static EncryptedKey Sound(EncryptedKey key) =>
        key.Iv.Length == key.Cipher.BlockBytes && key.Content.Length > 0 && key.Content.Length % key.Cipher.BlockBytes == 0 ? key : throw new AsnContentException();

    private void DeriveAsOpenSsl(ClearSecret passphrase, Span<byte> key)
    {
        var copy = GC.AllocateUninitializedArray<byte>(passphrase.Bytes.Length, pinned: true);
        passphrase.Bytes.CopyTo(copy);
        // What the library keeps of the derived key for itself cannot be wiped.
        var generator = new OpenSslPbeParametersGenerator();
        generator.Init(copy, Iv[..SaltOfHeader]);
        var derived = ((KeyParameter)generator.GenerateDerivedParameters("AES", key.Length * 8)).GetKey();
        derived.CopyTo(key);
        CryptographicOperations.ZeroMemory(derived);
        CryptographicOperations.ZeroMemory(copy);
    }

    /// <summary>One wrong passphrase in 256 leaves padding that looks right; what comes out is a key all the same only once in 2^30.</summary>
    private static bool IsOneSequence(ReadOnlySpan<byte> clear) =>
        AsnDecoder.TryReadEncodedValue(clear, AsnEncodingRules.DER, out var tag, out _, out _, out var consumed)
        && tag.HasSameClassAndValue(Asn1Tag.Sequence) && consumed == clear.Length;
}
