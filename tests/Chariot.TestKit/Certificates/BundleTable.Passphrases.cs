using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Text;
using static Chariot.TestKit.Certificates.TestPki;

namespace Chariot.TestKit.Certificates;

/// <summary>Row 1: the encrypted private key, without a passphrase, with the right and with a wrong one.</summary>
public static partial class BundleTable
{
    public const string Passphrase = "correct horse battery staple";

    private const string WrongPassphrase = "incorrect horse battery staple";
    private const string Umlauts = "Schl\u00FCssel \u03BA\u03BB\u03B5\u03B9\u03B4\u03AF \U0001F511 10 \u20AC";

    private static string LongPassphrase => string.Concat(Enumerable.Repeat("0123456789", 1000));

    private static Dictionary<string, BundleCase> PassphraseRows() => new()
    {
        ["1 encrypted PKCS#8"] = Bad("key.encrypted", 1, 1, () => Pbes2(Passphrase), "Enter its passphrase, or upload the result of: openssl pkey -in key.pem -out plain.pem"),
        ["1 encrypted PKCS#1"] = Bad("key.encrypted", 1, 1, () => Traditional("-aes256"), "openssl pkey -in key.pem -out plain.pem"),
        ["1 empty passphrase"] = Locked("key.encrypted", () => Pbes2(Passphrase), ""),
        ["1 PBES2 as openssl writes it"] = Unlocked(() => Converted($"pkcs8 -topk8 -in key.pem -passout {Source} -out out")),
        ["1 PBES2 AES-128, PBKDF2 SHA-1"] = Unlocked(() => Converted($"pkcs8 -topk8 -in key.pem -v2 aes-128-cbc -v2prf hmacWithSHA1 -passout {Source} -out out")),
        ["1 PBES2 AES-192, PBKDF2 SHA-512"] = Unlocked(() => Converted($"pkcs8 -topk8 -in key.pem -v2 aes-192-cbc -v2prf hmacWithSHA512 -passout {Source} -out out")),
        ["1 PBES2 triple DES"] = Unlocked(() => Converted($"pkcs8 -topk8 -in key.pem -v2 des3 -passout {Source} -out out")),
        ["1 scrypt"] = Unlocked(() => Converted($"pkcs8 -topk8 -in key.pem -scrypt -passout {Source} -out out")),
        ["1 traditional AES-256"] = Unlocked(() => Traditional("-aes256")),
        ["1 traditional AES-128"] = Unlocked(() => Traditional("-aes128")),
        ["1 traditional triple DES"] = Unlocked(() => Traditional("-des3")),
        ["1 traditional with CRLF"] = Unlocked(() => Traditional("-aes256").Replace("\n", "\r\n", StringComparison.Ordinal)),
        ["1 passphrase beyond ASCII"] = Unlocked(() => Pbes2(Umlauts), Umlauts),
        ["1 passphrase of 10,000 characters"] = Unlocked(() => Pbes2(LongPassphrase), LongPassphrase),
        ["1 wrong passphrase, PBKDF2"] = Locked("key.passphrase", () => Pbes2(Passphrase), WrongPassphrase),
        ["1 wrong passphrase, scrypt"] = Locked("key.passphrase", () => Converted($"pkcs8 -topk8 -in key.pem -scrypt -passout {Source} -out out"), WrongPassphrase),
        ["1 wrong passphrase, traditional"] = Locked("key.passphrase", () => Traditional("-aes256"), WrongPassphrase),
        ["1 wrong passphrase of 10,000 characters"] = Locked("key.passphrase", () => Pbes2(Passphrase), LongPassphrase),
        ["1 wrong passphrase beyond ASCII"] = Locked("key.passphrase", () => Pbes2(Passphrase), Umlauts),
        ["1 PBKDF2 with 11 million rounds"] = Locked("key.kdf-cost", () => Forged(Pbkdf2(11_000_000)), Passphrase, "11000000 rounds of PBKDF2"),
        ["1 PBKDF2 with 11 million rounds, no passphrase"] = Locked("key.kdf-cost", () => Forged(Pbkdf2(11_000_000)), null),
        ["1 PBKDF2 with 2^70 rounds"] = Locked("key.kdf-cost", () => Forged(Pbkdf2(System.Numerics.BigInteger.One << 70)), Passphrase),
        ["1 scrypt with 128 MiB"] = Locked("key.kdf-cost", () => Forged(Scrypt(1 << 17, 8, 1)), Passphrase, "128 MiB"),
        ["1 scrypt with a large block"] = Locked("key.kdf-cost", () => Forged(Scrypt(2, 1 << 30, 1)), Passphrase),
        ["1 scrypt with 2^62"] = Locked("key.kdf-cost", () => Forged(Scrypt(System.Numerics.BigInteger.One << 62, 8, 1)), Passphrase),
        ["1 scrypt with a million passes"] = Locked("key.kdf-cost", () => Forged(Scrypt(1 << 14, 8, 1_000_000)), Passphrase),
        ["1 two blocks that cost too much together"] = new("key.kdf-cost", "error", Key, 2, LineAfter(Forged(Pbkdf2(1000))), () => WithPassphrase(Forged(Pbkdf2(1000)) + Forged(Pbkdf2(9_999_500)), Passphrase)),
        ["1 scrypt whose N is no power of 2"] = Locked("file.asn1", () => Forged(Scrypt(1000, 8, 1)), Passphrase),
        ["1 PBKDF2 without rounds"] = Locked("file.asn1", () => Forged(Pbkdf2(0)), Passphrase),
        ["1 scheme of PKCS#12"] = Locked("key.encryption", () => Converted($"pkcs8 -topk8 -in key.pem -v1 PBE-SHA1-3DES -passout {Source} -out out"), Passphrase, "openssl pkey"),
        ["1 traditional with a cipher that is not read"] = Locked("key.encryption", () => Traditional("-camellia256"), Passphrase),
        ["1 encrypted block that is none"] = Locked("file.asn1", () => KeyForge.Pem("ENCRYPTED PRIVATE KEY", ServerKey.ExportRSAPrivateKey()), Passphrase),
        ["1 encrypted block that is cut"] = Locked("file.asn1", () => KeyForge.Pem("ENCRYPTED PRIVATE KEY", ServerKey.ExportEncryptedPkcs8PrivateKey(Passphrase, Usual)[..^20]), Passphrase),
        ["1 traditional without its cipher"] = Locked("key.encryption", () => Traditional("-aes256").Replace("DEK-Info", "Comment", StringComparison.Ordinal), Passphrase),
        ["2 EC key, encrypted"] = Locked("key.not-rsa", EncryptedEc, Passphrase, "EC P-256"),
    };

    private static PbeParameters Usual => new(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 2048);

    private static string Source => "file:passphrase";

    private static BundleCase Unlocked(Func<string> key, string passphrase = Passphrase) => Sound(() => WithPassphrase(key(), passphrase));

    private static BundleCase Locked(string code, Func<string> key, string? passphrase, string says = "") =>
        new(code, "error", Key, 1, 1, () => WithPassphrase(key(), passphrase)) { Says = says };

    private static BundleFiles WithPassphrase(string key, string? passphrase) => Bundle(key) with { Passphrase = passphrase };

    private static string Pbes2(string passphrase) => KeyForge.Pem("ENCRYPTED PRIVATE KEY", ServerKey.ExportEncryptedPkcs8PrivateKey(passphrase, Usual));

    private static string Traditional(string cipher) => Converted($"rsa -in key.pem {cipher} -traditional -passout {Source} -out out");

    private static string EncryptedEc()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return KeyForge.Pem("ENCRYPTED PRIVATE KEY", key.ExportEncryptedPkcs8PrivateKey(Passphrase, Usual));
    }

    /// <summary>PBES2 around random bytes: deriving its key, which must not happen, would end as a wrong passphrase.</summary>
    private static string Forged(Action<AsnWriter> derivation)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier("1.2.840.113549.1.5.13");
                using (writer.PushSequence())
                {
                    derivation(writer);
                    using (writer.PushSequence())
                    {
                        writer.WriteObjectIdentifier("2.16.840.1.101.3.4.1.42");
                        writer.WriteOctetString(RandomNumberGenerator.GetBytes(16));
                    }
                }
            }

            writer.WriteOctetString(RandomNumberGenerator.GetBytes(1216));
        }

        return KeyForge.Pem("ENCRYPTED PRIVATE KEY", writer.Encode());
    }

    private static Action<AsnWriter> Pbkdf2(System.Numerics.BigInteger rounds) => writer =>
    {
        using (writer.PushSequence())
        {
            writer.WriteObjectIdentifier("1.2.840.113549.1.5.12");
            using (writer.PushSequence())
            {
                writer.WriteOctetString(RandomNumberGenerator.GetBytes(16));
                writer.WriteInteger(rounds);
                using (writer.PushSequence())
                {
                    writer.WriteObjectIdentifier("1.2.840.113549.2.9");
                    writer.WriteNull();
                }
            }
        }
    };

    private static Action<AsnWriter> Scrypt(System.Numerics.BigInteger n, int r, int p) => writer =>
    {
        using (writer.PushSequence())
        {
            writer.WriteObjectIdentifier("1.3.6.1.4.1.11591.4.11");
            using (writer.PushSequence())
            {
                writer.WriteOctetString(Encoding.ASCII.GetBytes("salt of sixteen."));
                writer.WriteInteger(n);
                writer.WriteInteger(r);
                writer.WriteInteger(p);
            }
        }
    };
}
