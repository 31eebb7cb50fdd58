using System.Collections.Immutable;
using System.Formats.Asn1;
using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Ssl.Validation;
using Org.BouncyCastle.Crypto;
using Org.BouncyCastle.Security;
using Org.BouncyCastle.X509;

namespace Chariot.Admin.ClientCertificates;

/// <summary>What a CRL file holds; <see cref="List"/> is null when there are errors.</summary>
internal sealed record RevocationListInspection(RevocationList? List, ImmutableArray<Finding> Findings);

/// <summary>
/// Judges an uploaded CRL, PEM or DER, against the CA that it is for and the list in force. Answers for every input, never throws
/// for content.
/// </summary>
internal sealed class RevocationListFile(TimeProvider time)
{
    /// <summary>As findings name it.</summary>
    public const string Name = "crl";

    public const int MaximumSize = 4 * 1024 * 1024;

    private const int CrlSign = 0x02;
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(5);
    private static readonly Place File = new(Name);

    /// <param name="issuer">DER of the CA certificate, from the client CA file.</param>
    /// <param name="inForce">The list of this CA that is in force, if any.</param>
    public RevocationListInspection Inspect(ReadOnlySpan<byte> content, SslFileLabel label, byte[] issuer, RevocationList? inForce)
    {
        var findings = new FindingList();
        RevocationList? list = null;
        try
        {
            if (ParseAuthority(issuer, findings) is { } authority && ReadDer(content, findings) is { } der && Parse(der, findings) is { } parsed)
            {
                Judge(parsed, authority, inForce, findings);
                list = findings.HasErrors ? null : ToList(parsed, authority, label, findings);
            }
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            // The one place where an unforeseen failure on hostile content ends, without its text.
            DerContent.NotWhatItSays(File, "a revocation list", findings);
        }

        return new RevocationListInspection(findings.HasErrors ? null : list, findings.ToSorted());
    }

    /// <summary>Details of a CA certificate of the file in force; null for what cannot be read.</summary>
    public static ParsedCertificate? ParseAuthority(byte[] der, FindingList findings)
    {
        using var block = new PemBlock("CERTIFICATE", File);
        block.SetContent(der);
        return CertificateParser.Parse(block, findings);
    }

    public static string KeySha256(ParsedCertificate authority) => Convert.ToHexStringLower(SHA256.HashData(authority.PublicKeyDer));

    private static byte[]? ReadDer(ReadOnlySpan<byte> content, FindingList findings)
    {
        if (content.IsEmpty)
        {
            return Refuse(FileFormat.Empty(isMissing: false));
        }

        if (content[0] == 0x30)
        {
            return content.ToArray();
        }

        if (FileFormat.Recognise(content) is { } foreign)
        {
            return Refuse(foreign);
        }

        if (PemReader.CountBlocks(content) > 1)
        {
            findings.Error("crl.several", File, "The file holds more than one PEM block.", "Upload one list at a time, each under the CA that it is of.");
            return null;
        }

        var blocks = PemReader.Read(content, Name, findings);
        try
        {
            if (blocks is not [var block])
            {
                return findings.HasErrors ? null : Refuse(FileFormat.NotPem(default));
            }

            if (block.Label == "X509 CRL")
            {
                return block.IsBroken ? null : block.Content.ToArray();
            }

            findings.Error("file.label", block.At, $"The block at line {block.At.Line} is labelled {FindingList.Quote(block.Label)}, not X509 CRL.", "Upload the revocation list of the CA; certificates belong in the client CA file, private keys nowhere near it.");
            return null;
        }
        finally
        {
            blocks.ForEach(block => block.Dispose());
        }

        byte[]? Refuse(FileFormat format)
        {
            findings.Error(format.Code, File, format.Message, "Upload the revocation list as the CA publishes it, PEM or DER.");
            return null;
        }
    }

    private static ParsedRevocationList? Parse(byte[] der, FindingList findings)
    {
        if (DerWalker.Check(der) is { } fault)
        {
            findings.Error("file.asn1", File, $"The list is damaged at byte {fault.Offset}: {fault.Reason}.", "Get the file again from the CA; check it with openssl crl -text.");
            return null;
        }

        try
        {
            return RevocationListParser.Parse(der);
        }
        catch (OverflowException)
        {
            findings.Error("crl.serial", File, $"The list names a serial number of more than {SerialNumbers.MaximumLength} octets, which no certificate may have (RFC 5280 section 4.1.2.2).", "Get the list again from the CA.");
            return null;
        }
        catch (Exception error) when (error is AsnContentException or ArgumentException or CryptographicException)
        {
            findings.Error("crl.not-a-crl", File, "The file is not a revocation list that can be read.", "Upload the revocation list as the CA publishes it; check it with openssl crl -text.");
            return null;
        }
    }

    private void Judge(ParsedRevocationList list, ParsedCertificate authority, RevocationList? inForce, FindingList findings)
    {
        var now = time.GetUtcNow();
        if (list.Issuer.Canonical != authority.Subject.Canonical)
        {
            findings.Error("crl.issuer", File, $"The list was issued by {FindingList.Quote(list.Issuer.Display)}, not by {authority.Name}.", "Upload it under the CA that issued it.");
        }
        else if (!IsSignedBy(list.Der, authority))
        {
            findings.Error("crl.signature", File, $"The list carries the name of {authority.Name} but not its signature.", "Get the list again from the CA; it may belong to another key of the same CA.");
        }

        if (authority.Extensions.KeyUsage is { } usage && (usage & CrlSign) == 0)
        {
            findings.Error("crl.not-permitted", File, $"The CA {authority.Name} may not sign revocation lists: its key usage lacks cRLSign.", "Ask the CA which certificate signs its lists.");
        }

        if (list.HasWeakSignature)
        {
            findings.Warning("crl.weak-signature", File, $"The list is signed with {list.SignatureAlgorithm}, which can be forged.", "Ask the CA for a list signed with SHA-256.");
        }

        JudgeKind(list, findings);
        JudgeDates(list, now, findings);
        JudgeOrder(list, inForce, findings);
    }

    private static void JudgeKind(ParsedRevocationList list, FindingList findings)
    {
        if (list.IsDelta)
        {
            findings.Error("crl.delta", File, "The list is a delta: it holds only what changed since another one.", "Upload the CA's complete list.");
        }

        if (list.IsIndirectOrPartial || list.UnknownCritical.Count > 0)
        {
            findings.Error("crl.unsupported", File, list.IsIndirectOrPartial
                    ? "The list holds entries of other CAs, or leaves reasons out."
                    : $"The list has critical extensions that are not known here: {FindingList.Quote(string.Join(", ", list.UnknownCritical))}.",
                "Upload the CA's own complete list.");
        }

        if (list.IsOfOneKind)
        {
            findings.Warning("crl.one-kind", File, "The list holds only certificates of CAs or only those of others; what is not in its scope is not revoked by it.", "Check that client certificates are in its scope.");
        }
    }

    private static void JudgeDates(ParsedRevocationList list, DateTimeOffset now, FindingList findings)
    {
        if (list.ThisUpdate - now > ClockSkew)
        {
            findings.Error("crl.not-yet-valid", File, $"The list is from {FindingList.Date(list.ThisUpdate)}, which is still to come; the server's clock says {FindingList.Date(now)}.", "Is the server's clock right?");
        }

        if (list.NextUpdate is { } next && next < now)
        {
            findings.Warning("crl.expired", File, $"The list's successor was due on {FindingList.Date(next)}; what it revokes is enforced, what was revoked since is not known.", "Get the CA's current list.");
        }
    }

    // RFC 5280 section 5.2.3: numbers only rise. An older list would bring revoked clients back.
    private static void JudgeOrder(ParsedRevocationList list, RevocationList? inForce, FindingList findings)
    {
        if (inForce is null)
        {
            return;
        }

        var before = inForce.Number is { } hex ? BigInteger.Parse("0" + hex, NumberStyles.HexNumber, CultureInfo.InvariantCulture) : (BigInteger?)null;
        if (before is { } old && !(list.Number >= old))
        {
            findings.Error("crl.number", File, $"The list in force has the number {old}, this one has {list.Number?.ToString(CultureInfo.InvariantCulture) ?? "none"}: it is older.", "Upload the CA's current list; to go back on purpose, delete the list in force first.");
        }
        else if (list.ThisUpdate < inForce.ThisUpdate)
        {
            findings.Error("crl.older", File, $"The list in force is from {FindingList.Date(inForce.ThisUpdate)}, this one from {FindingList.Date(list.ThisUpdate)}.", "Upload the CA's current list; to go back on purpose, delete the list in force first.");
        }
    }

    private static RevocationList ToList(ParsedRevocationList list, ParsedCertificate authority, SslFileLabel label, FindingList findings) => new()
    {
        IssuerSha256 = authority.Sha256,
        IssuerKeySha256 = KeySha256(authority),
        Issuer = authority.Subject.Display,
        Number = list.Number is { } number ? SerialNumbers.Format(number.ToByteArray(isUnsigned: true, isBigEndian: true)) : null,
        ThisUpdate = list.ThisUpdate,
        NextUpdate = list.NextUpdate,
        Serials = SerialNumbers.Pack(list.Serials),
        Sha256 = Convert.ToHexStringLower(SHA256.HashData(list.Der)),
        File = label,
        Findings = findings.ToSorted(),
    };

    private static bool IsSignedBy(byte[] der, ParsedCertificate authority)
    {
        try
        {
            return SignatureChecks.IsUsable(authority.Key) && new X509Crl(der).IsSignatureValid(PublicKeyFactory.CreateKey(authority.PublicKeyDer));
        }
        catch (Exception error) when (error is GeneralSecurityException or CryptoException or ArgumentException or IOException
            or InvalidOperationException or ArithmeticException or InvalidCastException or FormatException)
        {
            // An algorithm that does not fit the key, or content that this library reads otherwise: not a good signature.
            return false;
        }
    }
}
