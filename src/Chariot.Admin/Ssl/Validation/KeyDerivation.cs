using System.Formats.Asn1;
using System.Security.Cryptography;
using Chariot.Abstractions.Configuration;
using Org.BouncyCastle.Crypto.Generators;

namespace Chariot.Admin.Ssl.Validation;

/// <summary>
/// How PBES2 (RFC 8018 appendix A) turns a passphrase into a key: PBKDF2 or scrypt. What it costs is in the file, so a file could ask
/// for hours of CPU; it is known before anything is derived.
/// </summary>
internal abstract record KeyDerivation(byte[] Salt)
{
    private const string Pbkdf2Oid = "1.2.840.113549.1.5.12";
    private const string ScryptOid = "1.3.6.1.4.1.11591.4.11";

    /// <summary>What the passphrases of one file may cost together, in rounds of PBKDF2: some seconds of one core.</summary>
    public const long MostRounds = 10_000_000;

    /// <summary>Bytes.</summary>
    public const long MostMemory = 64 * 1024 * 1024;

    // p passes over the memory, one after the other; tools write 1.
    private const long MostPasses = 16;

    /// <summary>Why it costs too much, for a sentence; null when it does not.</summary>
    public abstract string? Excess { get; }

    /// <summary>In rounds of PBKDF2, scrypt by the memory that it works through.</summary>
    public abstract long Rounds { get; }

    /// <summary>Fills <paramref name="key"/>.</summary>
    public abstract void Derive(ClearSecret passphrase, Span<byte> key);

    /// <summary>Null when it is one that is not read here.</summary>
    /// <exception cref="AsnContentException">It is not what its identifier says.</exception>
    public static KeyDerivation? Read(AsnReader algorithm)
    {
        var oid = algorithm.ReadObjectIdentifier();
        if (oid == Pbkdf2Oid)
        {
            return ReadPbkdf2(algorithm.ReadSequence());
        }

        return oid == ScryptOid ? ReadScrypt(algorithm.ReadSequence()) : null;
    }

    private static Pbkdf2? ReadPbkdf2(AsnReader parameters)
    {
        if (!parameters.PeekTag().HasSameClassAndValue(Asn1Tag.PrimitiveOctetString))
        {
            // A salt from somewhere else, which RFC 8018 leaves room for and nobody writes.
            return null;
        }

        var salt = parameters.ReadOctetString();
        var rounds = ReadCount(parameters);
        SkipKeyLength(parameters);
        var hash = parameters.HasData ? HashOf(parameters.ReadSequence().ReadObjectIdentifier()) : HashAlgorithmName.SHA1;
        return hash is { } known ? new Pbkdf2(salt, rounds, known) : null;
    }

    private static Scrypt ReadScrypt(AsnReader parameters)
    {
        var salt = parameters.ReadOctetString();
        var scrypt = new Scrypt(salt, ReadCount(parameters), ReadCount(parameters), ReadCount(parameters));
        SkipKeyLength(parameters);

        // RFC 7914 section 2: N is a power of 2 above 1 and below 2^(128 r / 8).
        return scrypt.Excess is null && (scrypt.N < 2 || (scrypt.N & (scrypt.N - 1)) != 0 || (16 * scrypt.R < 63 && scrypt.N >= 1L << (int)(16 * scrypt.R)))
            ? throw new AsnContentException()
            : scrypt;
    }

    /// <summary>A number above zero; one that no machine counts to is as good as the largest.</summary>
    private static long ReadCount(AsnReader parameters)
    {
        var number = parameters.ReadIntegerBytes().Span;
        if (number[0] >= 0x80 || (number.Length == 1 && number[0] == 0))
        {
            throw new AsnContentException();
        }

        long value = 0;
        foreach (var part in number.TrimStart((byte)0))
        {
            if (value > int.MaxValue)
            {
                return long.MaxValue;
            }

            value = (value << 8) | part;
        }

        return value;
    }

    // The cipher knows it as well.
    private static void SkipKeyLength(AsnReader parameters)
    {
        if (parameters.HasData && parameters.PeekTag().HasSameClassAndValue(Asn1Tag.Integer))
        {
            parameters.ReadIntegerBytes();
        }
    }

    private static HashAlgorithmName? HashOf(string oid) => oid switch
    {
        "1.2.840.113549.2.7" => HashAlgorithmName.SHA1,
        "1.2.840.113549.2.9" => HashAlgorithmName.SHA256,
        "1.2.840.113549.2.10" => HashAlgorithmName.SHA384,
        "1.2.840.113549.2.11" => HashAlgorithmName.SHA512,
        _ => null,
    };

    private sealed record Pbkdf2(byte[] Salt, long Count, HashAlgorithmName Hash) : KeyDerivation(Salt)
    {
        public override string? Excess => Count > MostRounds ? $"{(Count == long.MaxValue ? "far more" : $"{Count}")} rounds of PBKDF2; at most {MostRounds} are computed" : null;

        public override long Rounds => Count;

        public override void Derive(ClearSecret passphrase, Span<byte> key) => Rfc2898DeriveBytes.Pbkdf2(passphrase.Bytes, Salt, key, (int)Count, Hash);
    }

    private sealed record Scrypt(byte[] Salt, long N, long R, long P) : KeyDerivation(Salt)
    {
        // Factors above 2^32 would overflow the product, and one is enough to be too much.
        private bool IsHuge => N > MostMemory || R > MostMemory || P > MostMemory;

        public override string? Excess
        {
            get
            {
                if (IsHuge || 128 * N * R > MostMemory)
                {
                    return $"{(IsHuge ? "far more memory" : $"{128 * N * R >> 20} MiB")} for scrypt; at most {MostMemory >> 20} MiB are given";
                }

                return P > MostPasses || 128 * N * R * P > 4 * MostMemory ? $"{P} passes of scrypt; that is too many for its memory" : null;
            }
        }

        // The largest that is allowed counts as a fourth of what a file may ask for.
        public override long Rounds => MostRounds / 4 * (128 * N * R * P) / (4 * MostMemory);

        public override void Derive(ClearSecret passphrase, Span<byte> key)
        {
            // The library takes an array and keeps its working memory to itself: what it derives on the way cannot be wiped.
            var copy = GC.AllocateUninitializedArray<byte>(passphrase.Bytes.Length, pinned: true);
            passphrase.Bytes.CopyTo(copy);
            var derived = SCrypt.Generate(copy, Salt, (int)N, (int)R, (int)P, key.Length);
            derived.CopyTo(key);
            CryptographicOperations.ZeroMemory(derived);
            CryptographicOperations.ZeroMemory(copy);
        }
    }
}
