using System.Formats.Asn1;
using Chariot.Abstractions.Configuration;

namespace Chariot.Admin.Ssl.Validation;

/// <summary>An RSA private key that was found in the key file.</summary>
internal sealed class FoundKey(Place at, int bits, string format, string fingerprint, string publicKeySha256, ClearSecret pkcs8) : IDisposable
{
    public Place At { get; } = at;

    public int Bits { get; } = bits;

    /// <summary>PKCS#1 or PKCS#8, and whether it was encrypted.</summary>
    public string Format { get; } = format;

    /// <summary>See <see cref="PublicKeyInfo.RsaFingerprint"/>; of the public half.</summary>
    public string Fingerprint { get; } = fingerprint;

    /// <summary>SHA-256 of its SubjectPublicKeyInfo, as <c>openssl pkey -pubout -outform DER | sha256sum</c> shows it.</summary>
    public string PublicKeySha256 { get; } = publicKeySha256;

    public ClearSecret Pkcs8 { get; } = pkcs8;

    public void Dispose() => Pkcs8.Dispose();
}

/// <summary>The private key slot: one RSA key in PKCS#1 or PKCS#8, in clear or with its passphrase.</summary>
internal static class PrivateKeyRules
{
    private const string NeedRsa = "Make an RSA key (openssl genrsa -out key.pem 3072) and request the certificate with it.";

    /// <summary>Adds all RSA keys of the file to <paramref name="keys"/>, the same key once. The caller disposes them, also after an exception.</summary>
    public static void Inspect(SlotContent file, KeyPassphrase passphrase, List<FoundKey> keys, FindingList findings)
    {
        var hasKey = file.Blocks.Exists(block => block.IsPrivateKey);
        var extras = new List<PemBlock>();
        foreach (var block in file.Blocks)
        {
            if (!block.IsPrivateKey && hasKey && block.Kind is not PemKind.Request and not PemKind.Other)
            {
                if (block.Kind != PemKind.Parameters)
                {
                    extras.Add(block);
                }
            }
            else if (block.IsPrivateKey)
            {
                InspectKeyBlock(block, passphrase, keys, findings);
            }
            else
            {
                RefuseOther(block, findings);
            }
        }

        if (extras.Count > 0)
        {
            findings.Warning("key.extra-blocks", extras[0].At,
                $"The key file also holds {string.Join(", ", extras.Select(block => $"a {FindingList.Quote(block.Label)} at line {block.At.Line}"))}; only the key is used.",
                "Upload certificates in their own slots.");
        }

        if (passphrase.IsGiven && file.Blocks.Find(block => block.IsPrivateKey) is { } plain && !file.Blocks.Exists(block => block.Kind == PemKind.EncryptedKey || block.IsEncrypted))
        {
            findings.Info("key.passphrase-unused", plain.At, $"The private key (line {plain.At.Line}) is not encrypted; the passphrase was not needed.",
                "If you thought that the file was protected, look where copies of it are.");
        }
    }

    /// <summary>Reports several different keys; <paramref name="matching"/> is the one that fits the certificate, if known.</summary>
    public static void ReportSeveral(List<FoundKey> keys, FoundKey? matching, FindingList findings)
    {
        if (keys.Count < 2)
        {
            return;
        }

        var list = string.Join(", ", keys.Select(key => $"block {key.At.Block} (line {key.At.Line})"));
        var hint = matching is null ? "" : $" The one in block {matching.At.Block} (line {matching.At.Line}) matches the certificate.";
        findings.Error("key.multiple", keys[1].At, $"The file holds {keys.Count} different private keys: {list}.{hint}", "Leave only the key that belongs to the certificate in the file.");
    }

    private static void InspectKeyBlock(PemBlock block, KeyPassphrase passphrase, List<FoundKey> keys, FindingList findings)
    {
        switch (block.Kind)
        {
            case PemKind.OpenSshKey:
                var ssh = FileFormat.OpenSsh();
                findings.Error(ssh.Code, block.At, $"The private key (line {block.At.Line}) is in OpenSSH format.", ssh.Remedy);
                return;
            case PemKind.OtherKey when block.IsBroken || block.IsEncrypted:
                NotRsa(block, $"a key labelled {FindingList.Quote(block.Label)}", findings);
                return;
            case PemKind.EncryptedKey:
            case PemKind.Pkcs1Key when block.IsEncrypted:
                using (var opened = passphrase.Open(block, findings))
                {
                    if (opened is not null)
                    {
                        InspectClearKey(opened, keys, findings);
                    }
                }

                return;
            default:
                InspectClearKey(block, keys, findings);
                return;
        }
    }

    private static void InspectClearKey(PemBlock block, List<FoundKey> keys, FindingList findings)
    {
        if (block.IsBroken || !DerContent.IsSound(block.Content, block.At, findings))
        {
            return;
        }

        try
        {
            ReadKey(block, keys, findings);
        }
        catch (AsnContentException)
        {
            DerContent.NotWhatItSays(block.At, "a private key", findings);
        }
    }

    private static void ReadKey(PemBlock block, List<FoundKey> keys, FindingList findings)
    {
        ReadOnlyMemory<byte> content = block.Content;
        if (block.Kind == PemKind.OtherKey)
        {
            ReadForeignKey(block, findings);
            return;
        }

        var key = new AsnReader(content, AsnEncodingRules.DER).ReadSequence();
        key.ReadIntegerBytes();
        var isPkcs8 = key.PeekTag().HasSameClassAndValue(Asn1Tag.Sequence);
        if (isPkcs8 != (block.Kind == PemKind.Pkcs8Key))
        {
            var other = isPkcs8 ? "PRIVATE KEY" : "RSA PRIVATE KEY";
            findings.Error("file.label", block.At, $"The block at line {block.At.Line} is labelled {block.Label} but its content is that of a {other}.",
                $"Write {other} in its BEGIN and END line, or export the key again.");
            return;
        }

        if (isPkcs8)
        {
            var algorithm = key.ReadSequence();
            var oid = algorithm.ReadObjectIdentifier();
            if (oid != KnownOids.Rsa)
            {
                RefuseAlgorithm(block, oid, algorithm, findings);
                return;
            }

            if (!key.TryReadPrimitiveOctetString(out content) || !DerContent.IsSound(content.Span, block.At, findings))
            {
                return;
            }
        }

        RsaKeyRules.Inspect(block.At, content, (isPkcs8 ? "PKCS#8" : "PKCS#1") + (block.WasEncrypted ? ", decrypted" : ""), findings, out var found);
        if (found is null)
        {
            return;
        }

        if (keys.Find(known => known.Fingerprint == found.Fingerprint) is { } same)
        {
            findings.Info("key.duplicate", block.At, $"Block {block.At.Block} holds the same key as block {same.At.Block}.", "Nothing needs to be done.");
            found.Dispose();
            return;
        }

        keys.Add(found);
    }

    private static void ReadForeignKey(PemBlock block, FindingList findings)
    {
        if (block.Label != "EC PRIVATE KEY")
        {
            NotRsa(block, block.Label.StartsWith("DSA", StringComparison.Ordinal) ? "a DSA key" : $"a key labelled {FindingList.Quote(block.Label)}", findings);
            return;
        }

        // RFC 5915: version, key, [0] curve, [1] public key.
        var key = new AsnReader(block.Content, AsnEncodingRules.DER).ReadSequence();
        key.ReadIntegerBytes();
        key.TryReadPrimitiveOctetString(out _);
        var tag = new Asn1Tag(TagClass.ContextSpecific, 0, isConstructed: true);
        if (key.HasData && key.PeekTag().HasSameClassAndValue(tag))
        {
            RefuseEc(block, key.ReadSequence(tag), findings);
        }
        else
        {
            NotRsa(block, "an EC key", findings);
        }
    }

    private static void RefuseAlgorithm(PemBlock block, string oid, AsnReader algorithm, FindingList findings)
    {
        if (oid == KnownOids.RsaPss)
        {
            findings.Error("key.rsa-pss", block.At, $"The private key (line {block.At.Line}) is restricted to RSA-PSS; many TLS clients cannot use it.",
                "Export or make the key as plain RSA (rsaEncryption): openssl genrsa -out key.pem 3072.");
        }
        else if (oid == KnownOids.Ec)
        {
            RefuseEc(block, algorithm, findings);
        }
        else
        {
            var name = KnownOids.KeyAlgorithm(oid);
            NotRsa(block, name.StartsWith("unknown", StringComparison.Ordinal) ? $"a key of an {name} algorithm" : $"{Article(name)} {name} key", findings);
        }
    }

    // Decided on identifiers alone: mathematics on a hostile curve can loop for ever (CVE-2022-0778).
    private static void RefuseEc(PemBlock block, AsnReader parameters, FindingList findings)
    {
        if (parameters.HasData && parameters.PeekTag().HasSameClassAndValue(Asn1Tag.ObjectIdentifier))
        {
            NotRsa(block, $"an EC {KnownOids.Curve(parameters.ReadObjectIdentifier()).Name} key", findings);
            return;
        }

        NotRsa(block, "an EC key", findings);
        if (parameters.HasData && parameters.PeekTag().HasSameClassAndValue(Asn1Tag.Sequence))
        {
            findings.Error("chain.explicit-curve", block.At, $"The private key (line {block.At.Line}) spells out its elliptic curve instead of naming it.", NeedRsa);
        }
    }

    private static void NotRsa(PemBlock block, string what, FindingList findings) =>
        findings.Error("key.not-rsa", block.At, $"The private key (line {block.At.Line}) is {what}; Chariot needs RSA.", NeedRsa);

    private static void RefuseOther(PemBlock block, FindingList findings)
    {
        switch (block.Kind)
        {
            case PemKind.PublicKey:
                findings.Error("key.is-public", block.At, $"The file holds the public half of a key (line {block.At.Line}).", "Upload the private key that was made with the certificate request (CSR).");
                break;
            case PemKind.Certificate:
                findings.Error("key.is-certificate", block.At, $"The private key file holds a certificate (line {block.At.Line}), not a key.", "Upload the private key here; certificates go in the other two slots.");
                break;
            case PemKind.Request:
                findings.Error("key.is-request", block.At, $"The file holds a certificate request (line {block.At.Line}).", "The request goes to the CA; upload the private key that was made with it.");
                break;
            case PemKind.Parameters:
                findings.Error("key.not-rsa", block.At, $"The file holds only {FindingList.Quote(block.Label)} (line {block.At.Line}), no RSA key.", NeedRsa);
                break;
            case PemKind.Pkcs7:
                var pkcs7 = FileFormat.Pkcs7();
                findings.Error(pkcs7.Code, block.At, $"The block at line {block.At.Line} is in PKCS#7 format and holds certificates, not a key.", "Upload the private key that was made with the certificate request (CSR).");
                break;
            default:
                findings.Error("file.label", block.At, $"The block at line {block.At.Line} is labelled {FindingList.Quote(block.Label)}, which is no private key.", "Leave only the private key in this file.");
                break;
        }
    }

    private static string Article(string name) => name[0] is 'E' or 'X' or 'R' or 'S' ? "an" : "a";
}
