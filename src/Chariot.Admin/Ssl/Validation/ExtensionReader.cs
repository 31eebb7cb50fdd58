using System.Formats.Asn1;
using System.Globalization;
using System.Net;
using System.Text;

namespace Chariot.Admin.Ssl.Validation;

/// <summary>Reads certificate extensions; throws <see cref="AsnContentException"/> for content that does not fit its identifier.</summary>
internal static class ExtensionReader
{
    /// <summary>Fills <paramref name="into"/>; false, and a finding, when an extension's content is not sound DER.</summary>
    public static bool Read(AsnReader extensions, CertificateExtensions into, Place at, FindingList findings)
    {
        var seen = new HashSet<string>();
        while (extensions.HasData)
        {
            var extension = extensions.ReadSequence();
            var oid = extension.ReadObjectIdentifier();
            var critical = extension.HasData && extension.PeekTag().HasSameClassAndValue(Asn1Tag.Boolean) && extension.ReadBoolean();
            var content = extension.ReadOctetString();
            extension.ThrowIfNotEmpty();
            if (!seen.Add(oid))
            {
                // RFC 5280 section 4.2: no extension twice.
                throw new AsnContentException();
            }

            if (!KnownOids.IsProcessedExtension(oid))
            {
                if (critical)
                {
                    into.UnknownCritical.Add(oid);
                }

                continue;
            }

            if (!DerContent.IsSound(content, at, findings))
            {
                return false;
            }

            ReadOne(oid, new AsnReader(content, AsnEncodingRules.DER), into);
        }

        return true;
    }

    private static void ReadOne(string oid, AsnReader content, CertificateExtensions into)
    {
        switch (oid)
        {
            case "2.5.29.14":
                into.SubjectKeyId = Convert.ToHexStringLower(content.ReadOctetString());
                break;
            case "2.5.29.15":
                var usage = content.ReadBitString(out _);
                into.KeyUsage = usage.Length == 0 ? 0 : usage[0];
                break;
            case "2.5.29.17":
                into.HasAlternativeNames = true;
                into.AlternativeNames = ReadNames(content.ReadSequence(), isConstraint: false);
                break;
            case "2.5.29.19":
                var constraints = content.ReadSequence();
                into.IsCa = constraints.HasData && constraints.PeekTag().HasSameClassAndValue(Asn1Tag.Boolean) && constraints.ReadBoolean();
                if (constraints.HasData)
                {
                    into.PathLength = constraints.TryReadInt32(out var length) ? Math.Max(length, 0) : int.MaxValue;
                }

                break;
            case "2.5.29.30":
                ReadNameConstraints(content.ReadSequence(), into);
                break;
            case "2.5.29.35":
                var authority = content.ReadSequence();
                var keyId = new Asn1Tag(TagClass.ContextSpecific, 0);
                into.AuthorityKeyId = authority.HasData && authority.PeekTag().HasSameClassAndValue(keyId)
                    ? Convert.ToHexStringLower(authority.ReadOctetString(keyId))
                    : null;
                break;
            case "2.5.29.37":
                var usages = content.ReadSequence();
                into.ExtendedKeyUsages = [];
                while (usages.HasData)
                {
                    into.ExtendedKeyUsages.Add(usages.ReadObjectIdentifier());
                }

                break;
            case "1.3.6.1.5.5.7.1.1":
                into.IssuerAddress = ReadIssuerAddress(content.ReadSequence());
                break;
            case "1.3.6.1.5.5.7.1.24":
                // RFC 7633: 5 is status_request.
                var features = content.ReadSequence();
                while (features.HasData)
                {
                    into.MustStaple |= features.TryReadInt32(out var feature) && feature == 5;
                }

                break;
            default:
                break;
        }
    }

    private static void ReadNameConstraints(AsnReader constraints, CertificateExtensions into)
    {
        while (constraints.HasData)
        {
            var tag = constraints.PeekTag();
            var subtrees = constraints.ReadSequence(tag);
            var names = tag.TagValue == 0 ? into.PermittedNames : into.ExcludedNames;
            while (subtrees.HasData)
            {
                var subtree = subtrees.ReadSequence();
                names.Add(ReadName(subtree, isConstraint: true));
            }
        }
    }

    private static string? ReadIssuerAddress(AsnReader descriptions)
    {
        while (descriptions.HasData)
        {
            var description = descriptions.ReadSequence();
            if (description.ReadObjectIdentifier() == "1.3.6.1.5.5.7.48.2" && ReadName(description, isConstraint: false) is { Kind: NameKind.Uri } address)
            {
                return address.Text;
            }
        }

        return null;
    }

    private static List<GeneralName> ReadNames(AsnReader sequence, bool isConstraint)
    {
        var names = new List<GeneralName>();
        while (sequence.HasData)
        {
            names.Add(ReadName(sequence, isConstraint));
        }

        return names;
    }

    private static GeneralName ReadName(AsnReader reader, bool isConstraint)
    {
        var tag = reader.PeekTag();
        if (tag.TagClass != TagClass.ContextSpecific)
        {
            throw new AsnContentException();
        }

        switch ((NameKind)tag.TagValue)
        {
            case NameKind.Email:
            case NameKind.Dns:
            case NameKind.Uri:
                return new GeneralName((NameKind)tag.TagValue, Encoding.Latin1.GetString(reader.ReadOctetString(tag)), []);
            case NameKind.Ip:
                var address = reader.ReadOctetString(tag);
                return new GeneralName(NameKind.Ip, AddressText(address, isConstraint), address);
            case NameKind.Directory:
                var directory = DistinguishedName.Read(reader.ReadSequence(tag));
                return new GeneralName(NameKind.Directory, directory.Display, [], directory);
            default:
                reader.ReadEncodedValue();
                return new GeneralName(NameKind.Other, "other name", []);
        }
    }

    private static string AddressText(byte[] address, bool isConstraint) => (address.Length, isConstraint) switch
    {
        (4 or 16, false) => new IPAddress(address).ToString(),
        (8 or 32, true) => string.Create(CultureInfo.InvariantCulture, $"{new IPAddress(address.AsSpan(0, address.Length / 2))}/{new IPAddress(address.AsSpan(address.Length / 2))}"),
        _ => throw new AsnContentException(),
    };
}
