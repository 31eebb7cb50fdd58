using System.Formats.Asn1;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Chariot.Abstractions.Configuration;

namespace Chariot.Edge.Authentication;

/// <summary>
/// The names in a certificate that an identity may hang on, read strictly: what two readers could understand differently is no
/// name (a second CN, a multi-valued RDN, control characters, text that is not valid in its type).
/// </summary>
internal sealed class CertificateNames
{
    private const string CommonNameOid = "2.5.4.3";
    private const string AlternativeNamesOid = "2.5.29.17";

    private static readonly Encoding s_utf8 = new UTF8Encoding(false, throwOnInvalidBytes: true);
    private static readonly Encoding s_utf16 = new UnicodeEncoding(bigEndian: true, byteOrderMark: false, throwOnInvalidBytes: true);

    private CertificateNames()
    {
    }

    /// <summary>Null when there is none or the subject is not clear.</summary>
    public string? CommonName { get; private set; }

    /// <summary>As <see cref="SubjectName"/> writes it; null when the subject is not clear.</summary>
    public string? Subject { get; private set; }

    /// <summary>The subject can be read in more than one way; nothing in it names anybody.</summary>
    public bool IsSubjectUnclear { get; private set; }

    public List<string> DnsNames { get; } = [];

    public List<string> Uris { get; } = [];

    /// <summary>The alternative names cannot be read, or one of them can be in more than one way.</summary>
    public bool AreAlternativeNamesUnclear { get; private set; }

    public static CertificateNames Read(X509Certificate2 certificate)
    {
        var names = new CertificateNames();
        names.ReadSubject(certificate.SubjectName.RawData);
        // RFC 5280 section 4.2: no extension twice; the library keeps both.
        var alternative = certificate.Extensions.Where(extension => extension.Oid?.Value == AlternativeNamesOid).ToList();
        if (alternative.Count > 1)
        {
            names.AreAlternativeNamesUnclear = true;
        }
        else if (alternative.Count == 1)
        {
            names.ReadAlternativeNames(alternative[0].RawData);
        }

        return names;
    }

    private void ReadSubject(byte[] der)
    {
        try
        {
            var attributes = new List<(string Oid, string Value)>();
            var name = new AsnReader(der, AsnEncodingRules.DER).ReadSequence();
            while (name.HasData)
            {
                var set = name.ReadSetOf(skipSortOrderValidation: true);
                var attribute = set.ReadSequence();
                set.ThrowIfNotEmpty();
                var oid = attribute.ReadObjectIdentifier();
                attributes.Add((oid, ReadText(attribute)));
                attribute.ThrowIfNotEmpty();
            }

            var commonNames = attributes.FindAll(attribute => attribute.Oid == CommonNameOid);
            if (commonNames.Count > 1)
            {
                IsSubjectUnclear = true;
                return;
            }

            CommonName = commonNames.Count == 1 ? commonNames[0].Value : null;
            Subject = SubjectName.Write(attributes);
        }
        catch (Exception error) when (error is AsnContentException or ArgumentException)
        {
            IsSubjectUnclear = true;
        }
    }

    private void ReadAlternativeNames(byte[] der)
    {
        try
        {
            var names = new AsnReader(der, AsnEncodingRules.DER).ReadSequence();
            while (names.HasData)
            {
                var tag = names.PeekTag();
                switch (tag)
                {
                    case { TagClass: TagClass.ContextSpecific, TagValue: 2 }:
                        DnsNames.Add(Clear(ReadAscii(names.ReadOctetString(tag))));
                        break;
                    case { TagClass: TagClass.ContextSpecific, TagValue: 6 }:
                        Uris.Add(Clear(ReadAscii(names.ReadOctetString(tag))));
                        break;
                    default:
                        names.ReadEncodedValue();
                        break;
                }
            }
        }
        catch (Exception error) when (error is AsnContentException or ArgumentException)
        {
            DnsNames.Clear();
            Uris.Clear();
            AreAlternativeNamesUnclear = true;
        }
    }

    /// <summary>Throws <see cref="AsnContentException"/> or <see cref="ArgumentException"/> for text that is not clear.</summary>
    private static string ReadText(AsnReader attribute)
    {
        var tag = attribute.PeekTag();
        if (tag.TagClass != TagClass.Universal)
        {
            throw new AsnContentException();
        }

        var encoded = attribute.ReadEncodedValue().Span;
        AsnDecoder.ReadEncodedValue(encoded, AsnEncodingRules.DER, out var offset, out var length, out _);
        var value = encoded.Slice(offset, length);
        return Clear((UniversalTagNumber)tag.TagValue switch
        {
            UniversalTagNumber.UTF8String => s_utf8.GetString(value),
            UniversalTagNumber.BMPString => s_utf16.GetString(value),
            // Real CAs put '@' and '*' into types that do not allow them; what counts is that the bytes mean one thing.
            UniversalTagNumber.PrintableString or UniversalTagNumber.IA5String or UniversalTagNumber.NumericString or UniversalTagNumber.VisibleString => ReadAscii(value),
            // T61String and the like: what its bytes mean depends on the reader.
            _ => throw new AsnContentException(),
        });
    }

    private static string ReadAscii(ReadOnlySpan<byte> value) =>
        Ascii.IsValid(value) ? Encoding.ASCII.GetString(value) : throw new AsnContentException();

    private static string Clear(string text) => text.Length > 0 && !text.Any(char.IsControl) ? text : throw new AsnContentException();
}
