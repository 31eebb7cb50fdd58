using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;

namespace Chariot.Edge.Authentication;

/// <summary>
/// A client certificate that was accepted in a handshake, with what it takes to judge it again while the client is connected.
/// </summary>
internal sealed class ClientCertificate
{
    private long _judgedUnder;

    /// <param name="certificate">The leaf; copied.</param>
    /// <param name="sent">CA certificates of the path that the client sent, DER.</param>
    /// <param name="path">From the leaf to the root that is trusted.</param>
    /// <param name="trustRevision">Trust that it was judged under.</param>
    public ClientCertificate(X509Certificate2 certificate, IReadOnlyList<byte[]> sent, IReadOnlyList<PathCertificate> path, long trustRevision)
    {
        Der = certificate.RawData;
        Sent = sent;
        Path = path;
        Names = CertificateNames.Read(certificate);
        Description = Describe(certificate, Names);
        _judgedUnder = trustRevision;
    }

    public byte[] Der { get; }

    public IReadOnlyList<byte[]> Sent { get; }

    public IReadOnlyList<PathCertificate> Path { get; private set; }

    public CertificateNames Names { get; }

    public ClientCertificateDescription Description { get; }

    /// <summary><see cref="ClientTrust.Revision"/> under which it was accepted last.</summary>
    public long JudgedUnder => Volatile.Read(ref _judgedUnder);

    /// <summary>It is accepted under another trust too, perhaps by another path.</summary>
    public void AcceptedUnder(long trustRevision, IReadOnlyList<PathCertificate> path)
    {
        Path = path;
        Volatile.Write(ref _judgedUnder, trustRevision);
    }

    /// <summary>Serial number and fingerprint, for logs: names in a certificate are what its holder asked for.</summary>
    public static string Label(X509Certificate2 certificate) =>
        $"{SerialNumbers.Format(certificate.SerialNumberBytes.Span)} (SHA-256 {certificate.GetCertHashString(HashAlgorithmName.SHA256).ToLowerInvariant()})";

    private static ClientCertificateDescription Describe(X509Certificate2 certificate, CertificateNames names) => new(
        names.Subject ?? certificate.Subject,
        SerialNumbers.Format(certificate.SerialNumberBytes.Span),
        certificate.GetCertHashString(HashAlgorithmName.SHA256).ToLowerInvariant(),
        certificate.NotAfter.ToUniversalTime());
}

/// <summary>One certificate of a path.</summary>
/// <param name="Sha256">Of its DER, lower-case hex.</param>
/// <param name="Serial">Serial number, big-endian.</param>
/// <param name="IssuerKeySha256">SHA-256 of the key that signed it, lower-case hex; null for the root.</param>
/// <param name="Sent">Whether the client sent it, so that it does not hang on the client CA file.</param>
internal sealed record PathCertificate(string Sha256, byte[] Serial, string? IssuerKeySha256, bool Sent);
