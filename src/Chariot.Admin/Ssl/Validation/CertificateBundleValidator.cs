using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Chariot.Abstractions.Configuration;

namespace Chariot.Admin.Ssl.Validation;

/// <summary>
/// Reads, judges and repairs the three files of a TLS set-up. Order: limits and format, PEM, bounded DER walk, then each file's
/// own rules, then the rules between them; nothing goes to a library before the walk.
/// </summary>
internal sealed class CertificateBundleValidator(TimeProvider time) : ICertificateBundleValidator
{
    private sealed record Chosen(ParsedCertificate Leaf, ChainPath Path);

    /// <inheritdoc/>
    public FileInspection InspectFile(SslFile slot, ReadOnlySpan<byte> content, ClearSecret? passphrase = null)
    {
        var findings = new FindingList();
        using var file = SlotContent.Read(slot, content, findings);
        var recognised = file.Recognised;
        ClearSecret? decrypted = null;
        Guard(slot, findings, () => recognised = slot == SslFile.PrivateKey ? InspectKeyFile(file, passphrase, findings, out decrypted) : InspectCertificateFile(file, findings));
        return new FileInspection(recognised, findings.ToSorted()) { Decrypted = decrypted };
    }

    /// <inheritdoc/>
    public BundleInspection InspectBundle(ReadOnlySpan<byte> privateKey, ReadOnlySpan<byte> serverCertificate, ReadOnlySpan<byte> caChain, ClearSecret? passphrase = null)
    {
        var findings = new FindingList();
        using var keyFile = SlotContent.Read(SslFile.PrivateKey, privateKey, findings);
        using var certificateFile = SlotContent.Read(SslFile.ServerCertificate, serverCertificate, findings);
        using var chainFile = SlotContent.Read(SslFile.CaChain, caChain, findings);
        var keys = new List<FoundKey>();
        List<ParsedCertificate> certificates = [];
        List<ParsedCertificate> chain = [];
        Chosen? chosen = null;
        try
        {
            Guard(SslFile.PrivateKey, findings, () => PrivateKeyRules.Inspect(keyFile, new KeyPassphrase(passphrase), keys, findings));
            Guard(SslFile.ServerCertificate, findings, () => certificates = CertificateRules.Read(certificateFile, findings));
            Guard(SslFile.CaChain, findings, () => chain = CertificateRules.Read(chainFile, findings));
            Guard(SslFile.CaChain, findings, () => chosen = InspectTogether(keys, certificates, chain, findings));
            AdviseSwapped(keyFile, [certificateFile, chainFile], findings);
            if (findings.HasErrors || chosen is null || keys is not [var only])
            {
                return new BundleInspection { Findings = findings.ToSorted() };
            }

            keys.Clear();
            var path = chosen.Path;
            var above = path.Certificates.Skip(1).ToList();
            return new BundleInspection
            {
                Findings = findings.ToSorted(),
                Pkcs8Key = only.Pkcs8,
                Leaf = chosen.Leaf.Der,
                Intermediates = [.. path.Intermediates.Select(certificate => certificate.Der)],
                Root = path.EndsAtRoot ? path.Last.Der : null,
                Details = chosen.Leaf.ToDetails(),
                Chain = [.. above.Select(certificate => certificate.ToDetails())],
            };
        }
        finally
        {
            keys.ForEach(unused => unused.Dispose());
        }
    }

    private static string InspectKeyFile(SlotContent file, ClearSecret? given, FindingList findings, out ClearSecret? decrypted)
    {
        decrypted = null;
        var passphrase = new KeyPassphrase(given);
        var keys = new List<FoundKey>();
        try
        {
            PrivateKeyRules.Inspect(file, passphrase, keys, findings);
            PrivateKeyRules.ReportSeveral(keys, matching: null, findings);
            if (passphrase.HasOpened && keys is [var only] && !findings.HasErrors)
            {
                decrypted = PrivateKeyPem.Write(only.Pkcs8.Bytes);
            }

            return keys switch
            {
                [var key] => $"RSA {key.Bits}-bit private key ({key.Format})",
                [] => Labels(file),
                _ => $"{keys.Count} private keys",
            };
        }
        finally
        {
            keys.ForEach(key => key.Dispose());
        }
    }

    private string InspectCertificateFile(SlotContent file, FindingList findings)
    {
        var certificates = CertificateRules.Read(file, findings);
        if (certificates.Count == 0)
        {
            return Labels(file);
        }

        if (file.Slot == SslFile.ServerCertificate)
        {
            var leaf = certificates.Find(certificate => !certificate.Extensions.IsCa) ?? certificates[0];
            CertificateRules.Inspect(leaf, new SignatureChecks().IsSelfSigned(leaf), time.GetUtcNow(), findings);
            ReportMoved(certificates, leaf, findings);
            var more = certificates.Count == 1 ? "" : FormattableString.Invariant($", and {certificates.Count - 1} more");
            return FormattableString.Invariant($"{leaf.Name}, valid until {leaf.NotAfter.UtcDateTime:yyyy-MM-dd}{more}");
        }

        Distinct(certificates, findings);
        var roots = certificates.Count(certificate => certificate.IsSelfIssued);
        var parts = new[] { Counted(roots, "root"), Counted(certificates.Count - roots, "intermediate") }.Where(part => part.Length > 0);
        return $"{string.Join(" + ", parts)}: {FindingList.Quote(string.Join("; ", certificates.Select(certificate => certificate.Name)))}";
    }

    private static string Counted(int count, string noun) => count switch
    {
        0 => "",
        1 => noun == "root" ? noun : "1 " + noun,
        _ => FormattableString.Invariant($"{count} {noun}s"),
    };

    private Chosen? InspectTogether(List<FoundKey> keys, List<ParsedCertificate> certificates, List<ParsedCertificate> chain, FindingList findings)
    {
        var now = time.GetUtcNow();
        PrivateKeyRules.ReportSeveral(keys, keys.Find(key => certificates.Exists(certificate => certificate.Key.RsaFingerprint == key.Fingerprint)), findings);
        if (certificates.Count == 0)
        {
            return null;
        }

        var leaf = certificates.Find(certificate => keys.Exists(key => key.Fingerprint == certificate.Key.RsaFingerprint))
            ?? certificates.Find(certificate => !certificate.Extensions.IsCa) ?? certificates[0];
        var signatures = new SignatureChecks();
        var isSelfSigned = signatures.IsSelfSigned(leaf);
        CertificateRules.Inspect(leaf, isSelfSigned, now, findings);
        ReportMismatch(keys, leaf, chain, findings);
        ReportMoved(certificates, leaf, findings);

        var pool = Distinct(chain, findings);
        if (pool.Find(certificate => certificate.Sha256 == leaf.Sha256) is { } copy)
        {
            pool.Remove(copy);
            if (!isSelfSigned)
            {
                findings.Info("chain.contains-leaf", copy.At, $"The chain file also holds the server certificate (block {copy.At.Block}); it is sent once.", "Nothing needs to be done.");
            }
        }

        var known = pool.Select(certificate => certificate.Sha256).Append(leaf.Sha256).ToHashSet();
        pool.AddRange(certificates.Where(certificate => known.Add(certificate.Sha256)));

        // With a file that could not be read, everything said about the chain would be a guess.
        if (findings.HasErrorsIn(SlotContent.NameOf(SslFile.CaChain)) || certificates.Concat(chain).Any(certificate => certificate.Key.HasExplicitCurve))
        {
            return null;
        }

        var path = new ChainRules(leaf, pool, signatures, now).Inspect(findings);
        if (path is null || findings.HasErrors || !path.Certificates.All(certificate => IsLoadable(certificate, findings)))
        {
            return null;
        }

        return new Chosen(leaf, path);
    }

    private static void ReportMismatch(List<FoundKey> keys, ParsedCertificate leaf, List<ParsedCertificate> chain, FindingList findings)
    {
        if (keys.Count == 0 || keys.Exists(key => key.Fingerprint == leaf.Key.RsaFingerprint))
        {
            return;
        }

        var other = chain.Find(certificate => keys.Exists(key => key.Fingerprint == certificate.Key.RsaFingerprint));
        var hashes = $"SHA-256 of the public keys: {keys[0].PublicKeySha256} (key), {Convert.ToHexStringLower(SHA256.HashData(leaf.PublicKeyDer))} (certificate).";
        findings.Error("bundle.key-mismatch", leaf.At,
            other is null
                ? $"The private key does not belong to the certificate {leaf.Name}. {hashes}"
                : $"The private key does not belong to the certificate {leaf.Name}, but to block {other.At.Block} (line {other.At.Line}) of the chain file, {other.Name}. {hashes}",
            other is null
                ? "Upload the key that was made with the request for this certificate, or request a new certificate with this key."
                : "Exchange the two files, or upload that block as the server certificate.");
    }

    private static void ReportMoved(List<ParsedCertificate> certificates, ParsedCertificate leaf, FindingList findings)
    {
        if (certificates.Find(certificate => certificate != leaf) is { } extra)
        {
            findings.Info("certificate.chain-moved", extra.At, $"The certificate file holds {certificates.Count} certificates; {leaf.Name} is the server certificate, the others count as chain.", "Nothing needs to be done.");
        }
    }

    private static List<ParsedCertificate> Distinct(List<ParsedCertificate> chain, FindingList findings)
    {
        var distinct = new Dictionary<string, ParsedCertificate>();
        foreach (var certificate in chain)
        {
            if (!distinct.TryAdd(certificate.Sha256, certificate))
            {
                findings.Info("chain.duplicate", certificate.At, $"Block {certificate.At.Block} repeats block {distinct[certificate.Sha256].At.Block}; it is sent once.", "Nothing needs to be done.");
            }
        }

        return [.. chain.Where(certificate => distinct[certificate.Sha256] == certificate)];
    }

    // The library that will serve it must be able to read it too; our own reader is no proof of that.
    private static bool IsLoadable(ParsedCertificate certificate, FindingList findings)
    {
        try
        {
            using var loaded = X509CertificateLoader.LoadCertificate(certificate.Der);
            using var key = loaded.GetRSAPublicKey();
            return true;
        }
        catch (CryptographicException)
        {
            DerContent.NotWhatItSays(certificate.At, "a certificate", findings);
            return false;
        }
    }

    private static void AdviseSwapped(SlotContent keyFile, SlotContent[] others, FindingList findings)
    {
        var swapped = Array.Find(others, other => other.Blocks.Exists(block => block.IsPrivateKey));
        if (swapped is null || keyFile.Blocks.Count == 0 || !keyFile.Blocks.TrueForAll(block => block.Kind == PemKind.Certificate))
        {
            return;
        }

        var advice = $"The private key file and the {(swapped.Slot == SslFile.CaChain ? "chain" : "server certificate")} file are swapped; upload each in the other's slot.";
        findings.Advise("key.is-certificate", advice);
        findings.Advise("certificate.is-key", advice);
    }

    private static string Labels(SlotContent file) =>
        file.Blocks.Count == 0 ? file.Recognised : FindingList.Quote(string.Join(", ", file.Blocks.Select(block => block.Label).Distinct()));

    /// <summary>
    /// The one place where an unforeseen failure on hostile content ends: the file is called unreadable, and no exception text,
    /// which might quote it, goes anywhere.
    /// </summary>
    private static void Guard(SslFile slot, FindingList findings, Action inspect)
    {
        try
        {
            inspect();
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            DerContent.NotWhatItSays(new Place(SlotContent.NameOf(slot)), "a key or certificate", findings);
        }
    }
}
