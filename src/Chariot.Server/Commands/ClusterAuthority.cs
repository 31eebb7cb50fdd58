using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Chariot.Server.Hosting;

namespace Chariot.Server.Commands;

/// <summary>
/// The CA of a cluster in a folder, and the pairs of its nodes. What it signs, may join: it signs nothing else. A folder that holds one keeps it,
/// so that nodes can be added.
/// </summary>
internal sealed class ClusterAuthority : IDisposable
{
    public const string File = "authority";

    private const string Organization = "Chariot cluster";
    private const int KeyBits = 3072;

    // Of the CA; pairs end earlier.
    private const int AuthorityYears = 10;

    private readonly X509Certificate2 _authority;

    private ClusterAuthority(X509Certificate2 authority) => _authority = authority;

    /// <summary>Opens the CA of <paramref name="folder"/>, or makes one there. Throws <see cref="UsageException"/> for half of one.</summary>
    public static ClusterAuthority OpenOrCreate(PairFolder folder) => (folder.Has(File + ".crt"), folder.Has(File + ".key")) switch
    {
        (true, true) => new ClusterAuthority(folder.Load(File)),
        (false, false) => Create(folder),
        _ => throw new UsageException($"'{folder.Path}' holds one of {File}.crt and {File}.key only. Bring back the other one, or give another folder."),
    };

    /// <summary>Signs the pair of a node: one certificate for both sides of a connection.</summary>
    public void CreateNode(PairFolder folder, string node, int days)
    {
        using var key = RSA.Create(KeyBits);
        var request = new CertificateRequest(Name(node), key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([.. NodeIdentity.Usages.Select(usage => new Oid(usage))], true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_authority, true, false));
        var now = DateTimeOffset.UtcNow.AddMinutes(-5);
        var end = now.AddDays(days);
        using var certificate = request.Create(_authority, now, end < _authority.NotAfter ? end : _authority.NotAfter, DevelopmentAuthority.Serial());
        folder.Write(node, certificate, key);
    }

    public void Dispose() => _authority.Dispose();

    private static ClusterAuthority Create(PairFolder folder)
    {
        var now = DateTimeOffset.UtcNow.AddMinutes(-5);
        using var key = RSA.Create(KeyBits);
        var request = new CertificateRequest(Name("Cluster CA " + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))), key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        var authority = request.CreateSelfSigned(now, now.AddYears(AuthorityYears));
        folder.Write(File, authority, key);
        return new ClusterAuthority(authority);
    }

    private static X500DistinguishedName Name(string commonName)
    {
        var name = new X500DistinguishedNameBuilder();
        name.AddCommonName(commonName);
        name.AddOrganizationName(Organization);
        return name.Build();
    }
}
