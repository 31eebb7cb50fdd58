using System.Formats.Asn1;
using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Chariot.Cluster.Tls;

/// <summary>What a responder says of one certificate.</summary>
internal enum OcspCertificateStatus
{
    Good,
    Revoked,
    Unknown,
}

/// <summary>The part of an answer that is about our certificate.</summary>
/// <param name="NextUpdate">Null when the responder names none.</param>
internal sealed record OcspAnswer(OcspCertificateStatus Status, DateTimeOffset? NextUpdate);

/// <summary>
/// OCSP messages (RFC 6960 section 4), as far as it takes to find out whether a responder answers for our certificate. Signatures are
/// not judged here: .NET does that with the answer that it staples, and so does every client.
/// </summary>
internal static class OcspMessage
{
    private const string Sha1 = "1.3.14.3.2.26";
    private const string BasicResponse = "1.3.6.1.5.5.7.48.1.1";

    /// <summary>A request about one certificate, without a nonce: public responders answer from a cache.</summary>
    public static byte[] Request(X509Certificate2 certificate, X509Certificate2 issuer)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        using (writer.PushSequence())
        using (writer.PushSequence())
        using (writer.PushSequence())
        using (writer.PushSequence())
        {
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier(Sha1);
                writer.WriteNull();
            }

#pragma warning disable CA5350 // SHA-1 names the issuer and protects nothing; every responder knows it (RFC 6960 section 4.3).
            writer.WriteOctetString(SHA1.HashData(certificate.IssuerName.RawData));
            writer.WriteOctetString(SHA1.HashData(issuer.PublicKey.EncodedKeyValue.RawData));
#pragma warning restore CA5350
            writer.WriteIntegerUnsigned(certificate.SerialNumberBytes.Span is [0, .. var rest] && rest.Length > 0 ? rest : certificate.SerialNumberBytes.Span);
        }

        return writer.Encode();
    }

    /// <summary>Null when the answer is no success or not about <paramref name="certificate"/>.</summary>
    /// <exception cref="AsnContentException">It is no OCSP response.</exception>
    public static OcspAnswer? Read(ReadOnlyMemory<byte> response, X509Certificate2 certificate)
    {
        var outer = new AsnReader(response, AsnEncodingRules.BER).ReadSequence();
        if (outer.ReadEnumeratedBytes().Span is not [0])
        {
            return null;
        }

        var bytes = outer.ReadSequence(new Asn1Tag(TagClass.ContextSpecific, 0)).ReadSequence();
        if (bytes.ReadObjectIdentifier() != BasicResponse)
        {
            return null;
        }

        var data = new AsnReader(bytes.ReadOctetString(), AsnEncodingRules.BER).ReadSequence().ReadSequence();
        if (data.PeekTag().HasSameClassAndValue(new Asn1Tag(TagClass.ContextSpecific, 0)))
        {
            data.ReadEncodedValue();
        }

        // Who answers, and when.
        data.ReadEncodedValue();
        data.ReadGeneralizedTime();
        var ours = new BigInteger(certificate.SerialNumberBytes.Span, isUnsigned: false, isBigEndian: true);
        for (var responses = data.ReadSequence(); responses.HasData;)
        {
            var single = responses.ReadSequence();
            var id = single.ReadSequence();
            id.ReadEncodedValue();
            id.ReadOctetString();
            id.ReadOctetString();
            if (id.ReadInteger() != ours)
            {
                continue;
            }

            var status = single.PeekTag().TagValue switch
            {
                0 => OcspCertificateStatus.Good,
                1 => OcspCertificateStatus.Revoked,
                _ => OcspCertificateStatus.Unknown,
            };
            single.ReadEncodedValue();
            single.ReadGeneralizedTime();
            var next = new Asn1Tag(TagClass.ContextSpecific, 0);
            return new OcspAnswer(status, single.HasData && single.PeekTag().HasSameClassAndValue(next) ? single.ReadSequence(next).ReadGeneralizedTime() : null);
        }

        return null;
    }
}
