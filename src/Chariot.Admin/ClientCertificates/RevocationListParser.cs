using System.Formats.Asn1;
using System.Numerics;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Ssl.Validation;

namespace Chariot.Admin.ClientCertificates;

/// <summary>What a CRL says, before anybody has looked at its signature.</summary>
internal sealed class ParsedRevocationList
{
    public required byte[] Der { get; init; }
    public required DistinguishedName Issuer { get; init; }
    public required DateTimeOffset ThisUpdate { get; init; }
    public DateTimeOffset? NextUpdate { get; init; }
    public required string SignatureAlgorithm { get; init; }
    public required bool HasWeakSignature { get; init; }
    public required IReadOnlyList<byte[]> Serials { get; init; }
    /// <summary>Null when the list has none.</summary>
    public BigInteger? Number { get; set; }
    /// <summary>Changes to another list only (RFC 5280 section 5.2.4).</summary>
    public bool IsDelta { get; set; }
    /// <summary>Holds entries of other CAs too, or of some reasons or attribute certificates only.</summary>
    public bool IsIndirectOrPartial { get; set; }
    /// <summary>Holds only clients or only CAs.</summary>
    public bool IsOfOneKind { get; set; }
    public List<string> UnknownCritical { get; } = [];
}

/// <summary>Reads CRLs (RFC 5280 section 5.1) with the bounded DER reader only.</summary>
internal static class RevocationListParser
{
    private const string ReasonCode = "2.5.29.21";
    private const string InvalidityDate = "2.5.29.24";

    private static readonly Asn1Tag Extensions = new(TagClass.ContextSpecific, 0, isConstructed: true);

    /// <summary>
    /// Reads <paramref name="der"/>, which the walker found sound; throws <see cref="AsnContentException"/> for what is no CRL and
    /// <see cref="OverflowException"/> for a serial number of more than 20 octets.
    /// </summary>
    public static ParsedRevocationList Parse(byte[] der)
    {
        var outer = new AsnReader(der, AsnEncodingRules.DER);
        var list = outer.ReadSequence();
        outer.ThrowIfNotEmpty();
        var body = list.ReadSequence();
        var algorithm = list.PeekEncodedValue();
        list.ReadSequence();
        list.ReadBitString(out _);
        list.ThrowIfNotEmpty();

        if (body.PeekTag().HasSameClassAndValue(Asn1Tag.Integer) && (!body.TryReadInt32(out var version) || version != 1))
        {
            throw new AsnContentException();
        }

        if (!body.PeekEncodedValue().Span.SequenceEqual(algorithm.Span))
        {
            // RFC 5280 section 5.1.1.2: the same identifier inside and outside of what is signed.
            throw new AsnContentException();
        }

        var (name, isWeak) = KnownOids.Signature(body.ReadSequence().ReadObjectIdentifier());
        var issuer = DistinguishedName.Read(body);
        var thisUpdate = ReadTime(body);
        var nextUpdate = body.HasData && IsTime(body.PeekTag()) ? ReadTime(body) : (DateTimeOffset?)null;
        var unknown = new List<string>();
        var serials = body.HasData && body.PeekTag().HasSameClassAndValue(Asn1Tag.Sequence) ? ReadEntries(body.ReadSequence(), unknown) : [];
        var parsed = new ParsedRevocationList
        {
            Der = der,
            Issuer = issuer,
            ThisUpdate = thisUpdate,
            NextUpdate = nextUpdate,
            SignatureAlgorithm = name,
            HasWeakSignature = isWeak,
            Serials = serials,
        };
        parsed.UnknownCritical.AddRange(unknown);
        if (body.HasData)
        {
            var wrapper = body.ReadSequence(Extensions);
            body.ThrowIfNotEmpty();
            ReadExtensions(wrapper.ReadSequence(), parsed);
            wrapper.ThrowIfNotEmpty();
        }

        return parsed;
    }

    private static List<byte[]> ReadEntries(AsnReader entries, List<string> unknownCritical)
    {
        var serials = new List<byte[]>();
        while (entries.HasData)
        {
            var entry = entries.ReadSequence();
            var serial = SerialNumbers.Normalise(entry.ReadIntegerBytes().Span).ToArray();
            if (serial.Length > SerialNumbers.MaximumLength)
            {
                throw new OverflowException();
            }

            serials.Add(serial);
            ReadTime(entry);
            if (entry.HasData)
            {
                foreach (var (oid, isCritical, _) in ReadAll(entry.ReadSequence()))
                {
                    // certificateIssuer is among them: the entry is then of another CA.
                    if (isCritical && oid is not (ReasonCode or InvalidityDate) && !unknownCritical.Contains(oid) && unknownCritical.Count < 10)
                    {
                        unknownCritical.Add(oid);
                    }
                }
            }

            entry.ThrowIfNotEmpty();
        }

        return serials;
    }

    private static void ReadExtensions(AsnReader extensions, ParsedRevocationList into)
    {
        foreach (var (oid, isCritical, content) in ReadAll(extensions))
        {
            switch (oid)
            {
                case "2.5.29.20":
                    into.Number = new AsnReader(Sound(content), AsnEncodingRules.DER).ReadInteger();
                    break;
                case "2.5.29.27":
                    into.IsDelta = true;
                    break;
                case "2.5.29.28":
                    ReadDistributionPoint(new AsnReader(Sound(content), AsnEncodingRules.DER).ReadSequence(), into);
                    break;
                case "2.5.29.18" or "2.5.29.35" or "2.5.29.46" or "1.3.6.1.5.5.7.1.1":
                    break;
                default:
                    if (isCritical)
                    {
                        into.UnknownCritical.Add(oid);
                    }

                    break;
            }
        }
    }

    // RFC 5280 section 5.2.5.
    private static void ReadDistributionPoint(AsnReader point, ParsedRevocationList into)
    {
        while (point.HasData)
        {
            var tag = point.PeekTag();
            switch (tag.TagValue)
            {
                case 1 or 2:
                    into.IsOfOneKind |= point.ReadBoolean(tag);
                    break;
                case 4 or 5:
                    into.IsIndirectOrPartial |= point.ReadBoolean(tag);
                    break;
                case 3:
                    into.IsIndirectOrPartial = true;
                    point.ReadEncodedValue();
                    break;
                default:
                    point.ReadEncodedValue();
                    break;
            }
        }
    }

    private static IEnumerable<(string Oid, bool IsCritical, byte[] Content)> ReadAll(AsnReader extensions)
    {
        while (extensions.HasData)
        {
            var extension = extensions.ReadSequence();
            var oid = extension.ReadObjectIdentifier();
            var isCritical = extension.HasData && extension.PeekTag().HasSameClassAndValue(Asn1Tag.Boolean) && extension.ReadBoolean();
            var content = extension.ReadOctetString();
            extension.ThrowIfNotEmpty();
            yield return (oid, isCritical, content);
        }
    }

    private static byte[] Sound(byte[] content) => DerWalker.Check(content) is null ? content : throw new AsnContentException();

    private static bool IsTime(Asn1Tag tag) => tag.HasSameClassAndValue(Asn1Tag.UtcTime) || tag.HasSameClassAndValue(Asn1Tag.GeneralizedTime);

    private static DateTimeOffset ReadTime(AsnReader reader) =>
        reader.PeekTag().HasSameClassAndValue(Asn1Tag.UtcTime) ? reader.ReadUtcTime() : reader.ReadGeneralizedTime();
}
