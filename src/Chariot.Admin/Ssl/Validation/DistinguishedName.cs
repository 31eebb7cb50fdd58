using System.Formats.Asn1;
using System.Text;

namespace Chariot.Admin.Ssl.Validation;

/// <summary>
/// A subject or issuer. Two names are the same when their <see cref="Canonical"/> forms are: letter case, runs of blanks and the
/// string type do not count (RFC 5280 section 7.1).
/// </summary>
internal sealed class DistinguishedName
{
    private DistinguishedName(List<string> parts, string display, List<string> commonNames)
    {
        Parts = parts;
        Canonical = string.Join('\n', parts);
        Display = display;
        CommonNames = commonNames;
    }

    /// <summary>Canonical relative names, outermost (mostly the country) first.</summary>
    public List<string> Parts { get; }

    public string Canonical { get; }

    /// <summary>For people, common name first, in the style of RFC 4514.</summary>
    public string Display { get; }

    public List<string> CommonNames { get; }

    public bool IsEmpty => Parts.Count == 0;

    /// <summary>Whether this name lies within <paramref name="ancestor"/> (directoryName constraints, RFC 5280 section 4.2.1.10).</summary>
    public bool IsWithin(DistinguishedName ancestor) => Parts.Count >= ancestor.Parts.Count && Parts.Take(ancestor.Parts.Count).SequenceEqual(ancestor.Parts);

    /// <summary>Reads a Name; throws <see cref="AsnContentException"/>.</summary>
    public static DistinguishedName Read(AsnReader outer)
    {
        var name = outer.ReadSequence();
        var parts = new List<string>();
        var shown = new List<string>();
        var commonNames = new List<string>();
        while (name.HasData)
        {
            var set = name.ReadSetOf(skipSortOrderValidation: true);
            var canonical = new List<string>();
            var visible = new List<string>();
            while (set.HasData)
            {
                var attribute = set.ReadSequence();
                var oid = attribute.ReadObjectIdentifier();
                var value = ReadValue(attribute, out var isText);
                attribute.ThrowIfNotEmpty();
                canonical.Add($"{oid}={(isText ? Normalise(value) : value)}");
                visible.Add($"{KnownOids.Attribute(oid)}={Escape(value)}");
                if (oid == "2.5.4.3" && isText)
                {
                    commonNames.Add(value);
                }
            }

            canonical.Sort(StringComparer.Ordinal);
            parts.Add(string.Join('+', canonical));
            shown.Add(string.Join('+', visible));
        }

        shown.Reverse();
        return new DistinguishedName(parts, string.Join(", ", shown), commonNames);
    }

    private static string ReadValue(AsnReader attribute, out bool isText)
    {
        var tag = attribute.PeekTag();
        isText = true;
        if (tag.TagClass == TagClass.Universal)
        {
            switch ((UniversalTagNumber)tag.TagValue)
            {
                case UniversalTagNumber.UTF8String:
                case UniversalTagNumber.PrintableString:
                case UniversalTagNumber.IA5String:
                case UniversalTagNumber.NumericString:
                case UniversalTagNumber.VisibleString:
                case UniversalTagNumber.BMPString:
                case UniversalTagNumber.T61String:
                    return ReadText(attribute, (UniversalTagNumber)tag.TagValue);
                default:
                    break;
            }
        }

        isText = false;
        return "#" + Convert.ToHexStringLower(attribute.ReadEncodedValue().Span);
    }

    // Lenient on purpose: real CAs put '@', '*' and Latin-1 letters into types that do not allow them.
    private static string ReadText(AsnReader attribute, UniversalTagNumber type)
    {
        var encoded = attribute.ReadEncodedValue().Span;
        AsnDecoder.ReadEncodedValue(encoded, AsnEncodingRules.DER, out var offset, out var length, out _);
        var value = encoded.Slice(offset, length);
        return type switch
        {
            UniversalTagNumber.UTF8String => Encoding.UTF8.GetString(value),
            UniversalTagNumber.BMPString => Encoding.BigEndianUnicode.GetString(value),
            _ => Encoding.Latin1.GetString(value),
        };
    }

    private static string Normalise(string value) =>
        string.Join(' ', value.Split(' ', StringSplitOptions.RemoveEmptyEntries)).ToLowerInvariant().Replace("\n", "\\n", StringComparison.Ordinal);

    private static string Escape(string value) => value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(",", "\\,", StringComparison.Ordinal);
}
