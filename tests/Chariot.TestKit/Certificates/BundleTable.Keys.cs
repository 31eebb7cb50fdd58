using System.Security.Cryptography;
using Org.BouncyCastle.Math;
using Org.BouncyCastle.Security;
using static Chariot.TestKit.Certificates.TestPki;

namespace Chariot.TestKit.Certificates;

/// <summary>Rows 2 to 14: the private key.</summary>
public static partial class BundleTable
{
    private const string Key = "privateKey";

    private static BigInteger P => KeyForge.Number(ServerKey.ExportParameters(true).P!);

    private static Dictionary<string, BundleCase> KeyRows() => new()
    {
        ["2 EC P-256 in PKCS#8"] = Bad("key.not-rsa", 1, 1, () => Text("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256"), "an EC P-256 key; Chariot needs RSA"),
        ["2 EC P-384 in its own form"] = Bad("key.not-rsa", 2, 4, () => Text("ecparam -name secp384r1 -genkey"), "EC P-384"),
        ["2 EC parameters alone"] = Bad("key.not-rsa", 1, 1, () => Text("ecparam -name secp384r1")),
        ["2 Ed25519"] = Bad("key.not-rsa", 1, 1, () => Text("genpkey -algorithm ED25519"), "an Ed25519 key"),
        ["2 Ed448"] = Bad("key.not-rsa", 1, 1, () => Text("genpkey -algorithm ED448"), "Ed448"),
        ["2 X25519"] = Bad("key.not-rsa", 1, 1, () => Text("genpkey -algorithm X25519"), "X25519"),
        ["2 DSA"] = Bad("key.not-rsa", 1, 1, () => Dsa("pkey -in dsa.pem"), "DSA"),
        ["2 DSA in its own form"] = Bad("key.not-rsa", 1, 1, () => Dsa("pkey -in dsa.pem -traditional"), "DSA"),
        ["2 DH"] = Bad("key.not-rsa", 1, 1, () => Text("genpkey -algorithm DH -pkeyopt group:ffdhe2048"), "DH"),
        ["3 RSA-PSS"] = Bad("key.rsa-pss", 1, 1, () => Text("genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048")),
        ["4 public key"] = Bad("key.is-public", 1, 1, () => ServerKey.ExportSubjectPublicKeyInfoPem()),
        ["4 RSA public key"] = Bad("key.is-public", 1, 1, () => ServerKey.ExportRSAPublicKeyPem()),
        ["5 certificate"] = Bad("key.is-certificate", 1, 1, () => LeafPem),
        ["5 swapped"] = new("key.is-certificate", "error", Key, 1, 1, () => Bundle(LeafPem, KeyPem)) { Says = "swapped" },
        ["5 key in the certificate slot"] = new("certificate.is-key", "error", "serverCertificate", 1, 1, () => Bundle(certificate: KeyPem)),
        ["5 key behind the certificate"] = new("certificate.is-key", "error", "serverCertificate", 2, LineCount(LeafPem) + 1, () => Bundle(certificate: LeafPem + KeyPem)),
        ["5 key in the chain slot"] = new("certificate.is-key", "error", "caChain", 1, 1, () => Bundle(chain: KeyPem + ChainPem)),
        ["6 request"] = Bad("key.is-request", 1, 1, Csr),
        ["6 request beside the key"] = Bad("key.is-request", 2, LineCount(KeyPem) + 1, () => KeyPem + Csr()),
        ["6 request in the certificate slot"] = new("certificate.is-request", "error", "serverCertificate", 1, 1, () => Bundle(certificate: Csr())),
        ["6 request in the chain slot"] = new("chain.is-request", "error", "caChain", 1, 1, () => Bundle(chain: Csr())),
        ["7 two keys"] = Bad("key.multiple", 2, LineCount(OtherKeyPem) + 1, () => OtherKeyPem + KeyPem, $"The one in block 2 (line {LineCount(OtherKeyPem) + 1}) matches"),
        ["7 same key twice"] = new("key.duplicate", "info", Key, 2, LineCount(KeyPem) + 1, () => Bundle(KeyPem + ServerKey.ExportRSAPrivateKeyPem())),
        ["8 combined file"] = new("key.extra-blocks", "warning", Key, 2, LineCount(KeyPem) + 1, () => Bundle(KeyPem + LeafPem + ChainPem)),
        ["9 other key"] = new("bundle.key-mismatch", "error", "serverCertificate", 1, 1, () => Bundle(OtherKeyPem)) { Says = Convert.ToHexStringLower(SHA256.HashData(OtherKey.ExportSubjectPublicKeyInfo())) },
        ["9 key fits the chain file"] = new("bundle.key-mismatch", "error", "serverCertificate", 1, 1, () => Bundle(OtherKeyPem, chain: ChainPem + Leaf(Intermediate, key: OtherKey))) { Says = "block 3" },
        ["10 1024 bits"] = Bad("key.too-small", 1, 1, () => Text("genrsa -traditional 1024"), "1024 bits"),
        ["10 9000 bits"] = Bad("key.too-large", 1, 1, () => KeyForge.Write(BigInteger.One.ShiftLeft(8999).Add(BigInteger.One), BigInteger.ValueOf(65537), BigInteger.Two, BigInteger.Two, BigInteger.Two, BigInteger.Two, BigInteger.Two, BigInteger.Two)),
        ["11 even exponent"] = Bad("key.exponent", 1, 1, () => KeyForge.Changed(ServerKey, numbers => numbers[1] = BigInteger.ValueOf(65536))),
        ["11 exponent 1"] = Bad("key.exponent", 1, 1, () => KeyForge.Changed(ServerKey, numbers => numbers[1] = BigInteger.One)),
        ["11 exponent 0"] = Bad("key.exponent", 1, 1, () => KeyForge.Changed(ServerKey, numbers => numbers[1] = BigInteger.Zero)),
        ["12 modulus"] = Bad("key.inconsistent", 1, 1, () => KeyForge.Changed(ServerKey, numbers => numbers[0] = numbers[0].Add(BigInteger.Two))),
        ["12 d"] = Bad("key.inconsistent", 1, 1, () => KeyForge.Changed(ServerKey, numbers => numbers[2] = numbers[2].Add(BigInteger.Two))),
        ["12 dP"] = Bad("key.inconsistent", 1, 1, () => KeyForge.Changed(ServerKey, numbers => numbers[5] = numbers[5].Add(BigInteger.Two)), "CRT"),
        ["12 dQ"] = Bad("key.inconsistent", 1, 1, () => KeyForge.Changed(ServerKey, numbers => numbers[6] = numbers[6].Add(BigInteger.Two)), "CRT"),
        ["12 qInv"] = Bad("key.inconsistent", 1, 1, () => KeyForge.Changed(ServerKey, numbers => numbers[7] = numbers[7].Add(BigInteger.Two)), "CRT"),
        ["12 zero"] = Bad("key.inconsistent", 1, 1, () => KeyForge.Changed(ServerKey, numbers => numbers[3] = BigInteger.Zero)),
        ["12 composite"] = Bad("key.inconsistent", 1, 1, Composite, "not prime"),
        ["12 p = q"] = Bad("key.inconsistent", 1, 1, () => KeyForge.FromPrimes(P, P), "equal"),
        ["13 three primes"] = Bad("key.multi-prime", 1, 1, () => Text("genrsa -traditional -primes 3 2048")),
        ["14 close primes"] = Bad("key.weak", 1, 1, KeyForge.WithClosePrimes),
        ["14 ROCA"] = Bad("key.weak", 1, 1, KeyForge.WithRocaPrimes),
        ["44 key with an explicit curve"] = Bad("chain.explicit-curve", 2, 9, () => Text("ecparam -name prime256v1 -param_enc explicit -genkey")),
        ["23 label of the other form"] = Bad("file.label", 1, 1, () => KeyForge.Pem("PRIVATE KEY", ServerKey.ExportRSAPrivateKey())),
        ["10 5120 bits"] = Odd("key.large", "warning", Key, 1, 1, () => WithKey(Text("genrsa 5120"))),
        ["11 exponent 17"] = Odd("key.exponent", "warning", Key, 1, 1, () => WithKey(WithExponent("17"))),
        ["11 exponent above 2^32"] = Odd("key.exponent", "warning", Key, 1, 1, () => WithKey(WithExponent("4294967311"))),
    };

    /// <summary>A key with its certificate.</summary>
    private static BundleFiles WithKey(string pem)
    {
        using var key = RSA.Create();
        key.ImportFromPem(pem);
        return Bundle(pem, Leaf(Intermediate, key: key));
    }

    private static string WithExponent(string exponent)
    {
        var random = new SecureRandom();
        var e = new BigInteger(exponent);
        BigInteger Prime()
        {
            while (true)
            {
                var prime = BigInteger.ProbablePrime(1024, random).SetBit(1022);
                if (prime.IsProbablePrime(20) && prime.Subtract(BigInteger.One).Gcd(e).Equals(BigInteger.One))
                {
                    return prime;
                }
            }
        }

        return KeyForge.FromPrimes(Prime(), Prime(), e);
    }

    private static BundleCase Bad(string code, int block, int line, Func<string> key, string says = "") =>
        new(code, "error", Key, block, line, () => Bundle(key())) { Says = says };

    private static string Csr() => new System.Security.Cryptography.X509Certificates.CertificateRequest("CN=mqtt.example", ServerKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSigningRequestPem();

    private static string Text(string command)
    {
        // genrsa takes its size last.
        var size = command.Split(' ')[^1];
        using var tool = new OpenSsl();
        return int.TryParse(size, out _) ? tool.Run(command[..^size.Length] + "-out out " + size).ReadText("out") : tool.Run(command + " -out out").ReadText("out");
    }

    private static string Converted(string command)
    {
        using var tool = new OpenSsl();
        return tool.Write("key.pem", KeyPem).Write("passphrase", Passphrase).Run(command).ReadText("out");
    }

    private static string Dsa(string command)
    {
        using var tool = new OpenSsl();
        return tool.Run("dsaparam -out param.pem 1024").Run("gendsa -out dsa.pem param.pem").Run(command + " -out out").ReadText("out");
    }

    // The product of two primes in the place of one; all other numbers computed as if it were prime.
    private static string Composite()
    {
        var random = new SecureRandom();
        while (true)
        {
            var composite = BigInteger.ProbablePrime(512, random).Multiply(BigInteger.ProbablePrime(512, random));
            if (composite.Subtract(BigInteger.One).Gcd(BigInteger.ValueOf(65537)).Equals(BigInteger.One) && composite.Multiply(P).BitLength >= 2048)
            {
                return KeyForge.FromPrimes(P, composite);
            }
        }
    }
}
