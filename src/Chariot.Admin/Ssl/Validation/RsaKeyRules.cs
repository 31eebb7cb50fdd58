using System.Buffers.Binary;
using System.Formats.Asn1;
using System.Security.Cryptography;
using Chariot.Abstractions.Configuration;
using Org.BouncyCastle.Math;

namespace Chariot.Admin.Ssl.Validation;

/// <summary>
/// Rules of one RSA private key in PKCS#1 form (RFC 8017 appendix A.1.2). The numbers are BouncyCastle's, which cannot be wiped:
/// they live in locals of this class only and are gone with the next collection. Buffers are wiped.
/// </summary>
internal static class RsaKeyRules
{
    public const int SmallestBits = 2048;
    private const int LargestGoodBits = 4096;
    public const int LargestBits = 8192;
    private const int FermatRounds = 100;

    // Two Miller-Rabin rounds with random bases; the test signature is one more test with a random base.
    private const int PrimeCertainty = 4;
    private const string NewKey = "Make a new key (openssl genrsa -out key.pem 3072) and request a new certificate with it.";
    private const string GetAgain = "Export the key again from where it was made; if that does not help, make a new key and request a new certificate.";

    private static readonly int[] RocaPrimes =
    [
        11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
    ];

    /// <summary>Judges the key; <paramref name="found"/> is null when it cannot be used at all.</summary>
    public static void Inspect(Place at, ReadOnlyMemory<byte> pkcs1, string format, FindingList findings, out FoundKey? found)
    {
        found = null;
        var key = new AsnReader(pkcs1, AsnEncodingRules.DER).ReadSequence();
        if (!key.TryReadInt32(out var version) || version is not (0 or 1))
        {
            throw new AsnContentException();
        }

        if (version == 1)
        {
            findings.Error("key.multi-prime", at, $"The private key (line {at.Line}) has more than two primes, which Chariot cannot use.", NewKey);
            return;
        }

        var modulus = key.ReadIntegerBytes();
        var exponent = key.ReadIntegerBytes();
        var numbers = new[] { key.ReadIntegerBytes(), key.ReadIntegerBytes(), key.ReadIntegerBytes(), key.ReadIntegerBytes(), key.ReadIntegerBytes(), key.ReadIntegerBytes() };
        key.ThrowIfNotEmpty();

        var bits = CertificateParser.BitLength(modulus.Span);
        var errors = findings.Errors;
        JudgeSize(at, bits, findings);
        if (bits <= LargestBits)
        {
            var canCompute = JudgeExponent(at, modulus.Span, exponent.Span, findings);
            if (!canCompute || IsOutOfRange(modulus, numbers))
            {
                if (canCompute)
                {
                    Inconsistent(at, "a number in it is out of range", findings);
                }
            }
            else
            {
                JudgeNumbers(at, modulus.Span, exponent.Span, numbers, findings);
            }
        }

        var pkcs8 = ToPkcs8(pkcs1.Span);
        if (findings.Errors == errors && !Signs(pkcs8, modulus, exponent))
        {
            Inconsistent(at, "a test signature with it is wrong", findings);
        }

        found = new FoundKey(at, bits, format, CertificateParser.RsaFingerprint(modulus.Span, exponent.Span), PublicKeySha256(modulus.Span, exponent.Span), pkcs8);
    }

    private static string PublicKeySha256(ReadOnlySpan<byte> modulus, ReadOnlySpan<byte> exponent)
    {
        var key = new AsnWriter(AsnEncodingRules.DER);
        using (key.PushSequence())
        {
            key.WriteInteger(modulus);
            key.WriteInteger(exponent);
        }

        var info = new AsnWriter(AsnEncodingRules.DER);
        using (info.PushSequence())
        {
            using (info.PushSequence())
            {
                info.WriteObjectIdentifier(KnownOids.Rsa);
                info.WriteNull();
            }

            info.WriteBitString(key.Encode());
        }

        return Convert.ToHexStringLower(SHA256.HashData(info.Encode()));
    }

    private static void JudgeSize(Place at, int bits, FindingList findings)
    {
        if (bits < SmallestBits)
        {
            findings.Error("key.too-small", at, $"The RSA key has {bits} bits; TLS clients refuse less than {SmallestBits}.", NewKey);
        }
        else if (bits > LargestBits)
        {
            findings.Error("key.too-large", at, $"The RSA key has {bits} bits; Chariot takes at most {LargestBits}.", NewKey);
        }
        else if (bits > LargestGoodBits)
        {
            findings.Warning("key.large", at, $"The RSA key has {bits} bits; each handshake costs much more CPU than with {LargestGoodBits} or less.", "3072 bits are enough for the life of a certificate.");
        }
    }

    /// <summary>False when the exponent is such that nothing can be computed with it.</summary>
    private static bool JudgeExponent(Place at, ReadOnlySpan<byte> modulus, ReadOnlySpan<byte> exponent, FindingList findings)
    {
        var bits = CertificateParser.BitLength(exponent);
        if (exponent[0] >= 0x80 || bits < 2 || (exponent[^1] & 1) == 0 || bits > CertificateParser.BitLength(modulus))
        {
            findings.Error("key.exponent", at, "The public exponent of the RSA key is not an odd number above 1.", NewKey);
            return false;
        }

        if (bits > 64)
        {
            findings.Error("key.exponent", at, $"The public exponent of the RSA key has {bits} bits; TLS libraries refuse more than 64.", NewKey);
        }
        else if (bits > 33 || (bits == 33 && !exponent.TrimStart((byte)0)[1..].SequenceEqual((ReadOnlySpan<byte>)[0, 0, 0, 0])))
        {
            findings.Warning("key.exponent", at, $"The public exponent of the RSA key has {bits} bits; every client pays for that when it connects.", "Use the usual exponent 65537 for the next key.");
        }
        else if (bits <= 16)
        {
            findings.Warning("key.exponent", at, "The public exponent of the RSA key is smaller than the usual 65537.", "Use the usual exponent 65537 for the next key.");
        }

        return true;
    }

    // Bounds the mathematics: no number may be larger than the modulus, none negative or zero.
    private static bool IsOutOfRange(ReadOnlyMemory<byte> modulus, ReadOnlyMemory<byte>[] numbers)
    {
        var limit = CertificateParser.BitLength(modulus.Span);
        return modulus.Span[0] >= 0x80 || (modulus.Span[^1] & 1) == 0
            || Array.Exists(numbers, number => number.Span[0] >= 0x80 || CertificateParser.BitLength(number.Span) is var bits && (bits == 0 || bits > limit));
    }

    private static void JudgeNumbers(Place at, ReadOnlySpan<byte> modulus, ReadOnlySpan<byte> exponent, ReadOnlyMemory<byte>[] numbers, FindingList findings)
    {
        var n = new BigInteger(1, modulus);
        var e = new BigInteger(1, exponent);
        var d = new BigInteger(1, numbers[0].Span);
        var p = new BigInteger(1, numbers[1].Span);
        var q = new BigInteger(1, numbers[2].Span);
        var pMinusOne = p.Subtract(BigInteger.One);
        var qMinusOne = q.Subtract(BigInteger.One);
        if (p.Equals(q))
        {
            Inconsistent(at, "its two primes are equal", findings);
        }
        else if (!p.Multiply(q).Equals(n) || pMinusOne.SignValue == 0 || qMinusOne.SignValue == 0)
        {
            Inconsistent(at, "its primes do not give its modulus", findings);
        }
        else if (!d.Multiply(e).Mod(pMinusOne).Equals(BigInteger.One.Mod(pMinusOne)) || !d.Multiply(e).Mod(qMinusOne).Equals(BigInteger.One.Mod(qMinusOne)))
        {
            // d e = 1 modulo lambda(n) is the same as modulo p - 1 and q - 1.
            Inconsistent(at, "its private and public exponent do not belong together", findings);
        }
        else if (!d.Mod(pMinusOne).Equals(new BigInteger(1, numbers[3].Span)) || !d.Mod(qMinusOne).Equals(new BigInteger(1, numbers[4].Span))
            || !new BigInteger(1, numbers[5].Span).Multiply(q).Mod(p).Equals(BigInteger.One))
        {
            // One signature with a wrong CRT value gives the key away.
            Inconsistent(at, "its CRT values (dP, dQ, qInv) are wrong", findings);
        }
        else if (!p.IsProbablePrime(PrimeCertainty) || !q.IsProbablePrime(PrimeCertainty))
        {
            Inconsistent(at, "one of its primes is not prime", findings);
        }
        else if (AreClose(p, q) || HasRocaFingerprint(n))
        {
            findings.Error("key.weak", at, $"The RSA key (line {at.Line}) was made by a faulty library: its modulus can be factored.", NewKey);
        }
    }

    /// <summary>
    /// Whether Fermat's method finds the primes within 100 rounds: it starts at sqrt(n) and ends at a = (p + q) / 2, so this is
    /// a - sqrt(n) at most 100, written without the root.
    /// </summary>
    private static bool AreClose(BigInteger p, BigInteger q)
    {
        var a = p.Add(q).ShiftRight(1);
        var half = p.Subtract(q).ShiftRight(1);
        return half.Multiply(half).CompareTo(a.Multiply(BigInteger.ValueOf(2 * FermatRounds))) <= 0;
    }

    /// <summary>CVE-2017-15361: the modulus is a power of 65537 modulo every small prime; by chance once in 2^27.</summary>
    private static bool HasRocaFingerprint(BigInteger n) => Array.TrueForAll(RocaPrimes, prime =>
    {
        var rest = n.Mod(BigInteger.ValueOf(prime)).IntValue;
        var power = 1;
        for (var i = 0; i < prime; i++)
        {
            if (power == rest)
            {
                return true;
            }

            power = power * 65537 % prime;
        }

        return false;
    });

    private static bool Signs(ClearSecret pkcs8, ReadOnlyMemory<byte> modulus, ReadOnlyMemory<byte> exponent)
    {
        Span<byte> block = stackalloc byte[32];
        RandomNumberGenerator.Fill(block);
        try
        {
            using var signer = RSA.Create();
            signer.ImportPkcs8PrivateKey(pkcs8.Bytes, out _);
            using var verifier = RSA.Create(new RSAParameters
            {
                Modulus = modulus.Span.TrimStart((byte)0).ToArray(),
                Exponent = exponent.Span.TrimStart((byte)0).ToArray(),
            });
            var signature = signer.SignHash(block.ToArray(), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
            return verifier.VerifyHash(block, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException)
        {
            return false;
        }
    }

    /// <summary>Wraps PKCS#1 as PKCS#8 (RFC 5958) in a wiped buffer; attributes of an uploaded PKCS#8 file are left out.</summary>
    private static ClearSecret ToPkcs8(ReadOnlySpan<byte> pkcs1)
    {
        // INTEGER 0, SEQUENCE { rsaEncryption, NULL }
        ReadOnlySpan<byte> head = [0x02, 0x01, 0x00, 0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00];
        Span<byte> inner = stackalloc byte[6];
        Span<byte> outer = stackalloc byte[6];
        inner = inner[..WriteHeader(inner, 0x04, pkcs1.Length)];
        outer = outer[..WriteHeader(outer, 0x30, head.Length + inner.Length + pkcs1.Length)];
        var secret = new ClearSecret(outer.Length + head.Length + inner.Length + pkcs1.Length);
        outer.CopyTo(secret.Bytes);
        head.CopyTo(secret.Bytes[outer.Length..]);
        inner.CopyTo(secret.Bytes[(outer.Length + head.Length)..]);
        pkcs1.CopyTo(secret.Bytes[^pkcs1.Length..]);
        return secret;
    }

    private static int WriteHeader(Span<byte> into, byte tag, int length)
    {
        into[0] = tag;
        if (length < 0x80)
        {
            into[1] = (byte)length;
            return 2;
        }

        if (length < 0x100)
        {
            into[1] = 0x81;
            into[2] = (byte)length;
            return 3;
        }

        into[1] = 0x82;
        BinaryPrimitives.WriteUInt16BigEndian(into[2..], (ushort)length);
        return 4;
    }

    private static void Inconsistent(Place at, string why, FindingList findings) =>
        findings.Error("key.inconsistent", at, $"The RSA key (line {at.Line}) is damaged: {why}.", GetAgain);
}
