using System.Formats.Asn1;
using System.Security.Cryptography;
using Org.BouncyCastle.Math;
using Org.BouncyCastle.Security;

namespace Chariot.TestKit.Certificates;

/// <summary>Writes RSA keys with numbers that no tool would write.</summary>
public static class KeyForge
{
    private static readonly BigInteger Usual = BigInteger.ValueOf(65537);

    public static BigInteger Number(byte[] bigEndian) => new(1, bigEndian);

    /// <summary>A PKCS#1 key with the given primes and exponent, all other numbers right.</summary>
    public static string FromPrimes(BigInteger p, BigInteger q, BigInteger? exponent = null)
    {
        var e = exponent ?? Usual;
        var pMinusOne = p.Subtract(BigInteger.One);
        var qMinusOne = q.Subtract(BigInteger.One);
        var lambda = pMinusOne.Multiply(qMinusOne).Divide(pMinusOne.Gcd(qMinusOne));
        var d = e.Gcd(lambda).Equals(BigInteger.One) ? e.ModInverse(lambda) : BigInteger.Three;
        return Write(p.Multiply(q), e, d, p, q, d.Mod(pMinusOne), d.Mod(qMinusOne), p.Equals(q) ? BigInteger.One : q.ModInverse(p));
    }

    /// <summary>A sound key with numbers changed by <paramref name="change"/>: n, e, d, p, q, dP, dQ, qInv.</summary>
    public static string Changed(RSA key, Action<BigInteger[]> change)
    {
        var sound = key.ExportParameters(true);
        BigInteger[] numbers = [Number(sound.Modulus!), Number(sound.Exponent!), Number(sound.D!), Number(sound.P!), Number(sound.Q!), Number(sound.DP!), Number(sound.DQ!), Number(sound.InverseQ!)];
        change(numbers);
        return Write(numbers);
    }

    public static string Write(params BigInteger[] numbers) => Write(0, numbers);

    public static string Write(int version, params BigInteger[] numbers)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteInteger(version);
            foreach (var number in numbers)
            {
                writer.WriteInteger(number.ToByteArray());
            }

            if (version == 1)
            {
                using (writer.PushSequence())
                {
                }
            }
        }

        return Pem("RSA PRIVATE KEY", writer.Encode());
    }

    public static string Pem(string label, byte[] content) => PemEncoding.WriteString(label, content) + "\n";

    /// <summary>Two primes that follow each other.</summary>
    public static string WithClosePrimes()
    {
        var p = BigInteger.ProbablePrime(1024, new SecureRandom());
        var q = p.NextProbablePrime();
        while (!Usual.Gcd(p.Subtract(BigInteger.One)).Equals(BigInteger.One) || !Usual.Gcd(q.Subtract(BigInteger.One)).Equals(BigInteger.One))
        {
            p = q;
            q = p.NextProbablePrime();
        }

        return FromPrimes(p, q);
    }

    /// <summary>Primes of the form k M + 65537^a mod M, as the faulty library of CVE-2017-15361 made them.</summary>
    public static string WithRocaPrimes()
    {
        var primorial = BigInteger.One;
        for (var number = 2; primorial.BitLength < 950; number++)
        {
            // A number that shares no factor with all smaller primes is the next prime.
            if (primorial.Gcd(BigInteger.ValueOf(number)).Equals(BigInteger.One))
            {
                primorial = primorial.Multiply(BigInteger.ValueOf(number));
            }
        }

        return FromPrimes(RocaPrime(primorial), RocaPrime(primorial));
    }

    private static BigInteger RocaPrime(BigInteger primorial)
    {
        var random = new SecureRandom();
        var smallest = BigInteger.Three.ShiftLeft(1022).Divide(primorial);
        while (true)
        {
            var factor = smallest.Add(new BigInteger(smallest.BitLength - 4, random));
            var candidate = factor.Multiply(primorial).Add(Usual.ModPow(new BigInteger(200, random), primorial));
            if (candidate.IsProbablePrime(20) && Usual.Gcd(candidate.Subtract(BigInteger.One)).Equals(BigInteger.One))
            {
                return candidate;
            }
        }
    }
}
