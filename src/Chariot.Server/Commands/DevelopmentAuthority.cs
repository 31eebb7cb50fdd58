using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Chariot.Admin.Ssl;

namespace Chariot.Server.Commands;

/// <summary>
/// A CA for development: root and intermediate in a folder, and the pairs that they sign. A folder that holds one already keeps
/// it, so that further pairs are trusted by the same clients. Needs no server and no network.
/// </summary>
internal sealed class DevelopmentAuthority : IDisposable
{
    private const int KeyBits = 2048;

    // Of the CA; pairs end earlier.
    private const int AuthorityYears = 10;

    private readonly X509Certificate2 _root;
    private readonly X509Certificate2 _issuer;

    private DevelopmentAuthority(X509Certificate2 root, X509Certificate2 issuer) => (_root, _issuer) = (root, issuer);

    /// <summary>Intermediate and root in one file, as set-up wants it.</summary>
    public string ChainPem => Pem(_issuer) + Pem(_root);

    /// <summary>Opens the CA of <paramref name="folder"/>, or makes one there. Throws <see cref="UsageException"/> for half of one.</summary>
    public static DevelopmentAuthority OpenOrCreate(PairFolder folder)
    {
        string[] parts = ["root.crt", "root.key", "intermediate.crt", "intermediate.key"];
        var present = parts.Where(folder.Has).ToArray();
        return present.Length == 0 ? Create(folder)
            : present.Length == parts.Length ? new DevelopmentAuthority(folder.Load("root"), folder.Load("intermediate"))
            : throw new UsageException($"'{folder.Path}' holds {string.Join(", ", present)}, but not {string.Join(", ", parts.Except(present))}. Give another folder, or remove them.");
    }

    /// <summary>Signs a server certificate for host names and IP addresses; the first name is its common name.</summary>
    public void CreateServer(PairFolder folder, IReadOnlyList<string> names, int days)
    {
        using var key = RSA.Create(KeyBits);
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (var name in names)
        {
            if (IPAddress.TryParse(name, out var address))
            {
                alternatives.AddIpAddress(address);
            }
            else
            {
                alternatives.AddDnsName(name);
            }
        }

        Sign(folder, "server", names[0], key, "1.3.6.1.5.5.7.3.1", days, alternatives);
    }

    /// <summary>Signs a client certificate with <paramref name="name"/> as common name and DNS name, in files of that name.</summary>
    public void CreateClient(PairFolder folder, string name, int days)
    {
        using var key = RSA.Create(KeyBits);
        Sign(folder, name, name, key, "1.3.6.1.5.5.7.3.2", days, null);
    }

    public void Dispose()
    {
        _root.Dispose();
        _issuer.Dispose();
    }

    private static DevelopmentAuthority Create(PairFolder folder)
    {
        var now = DateTimeOffset.UtcNow.AddMinutes(-5);
        using var rootKey = RSA.Create(KeyBits);
        using var intermediateKey = RSA.Create(KeyBits);
        var root = Authority("Development root", rootKey, pathLength: 1).CreateSelfSigned(now, now.AddYears(AuthorityYears));
        var request = Authority("Development intermediate", intermediateKey, pathLength: 0);
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(root, true, false));
        using var signed = request.Create(root, now, now.AddYears(AuthorityYears), Serial());
        folder.Write("root", root, rootKey);
        folder.Write("intermediate", signed, intermediateKey);
        return new DevelopmentAuthority(root, signed.CopyWithPrivateKey(intermediateKey));
    }

    private void Sign(PairFolder folder, string file, string commonName, RSA key, string usage, int days, SubjectAlternativeNameBuilder? alternatives)
    {
        var request = new CertificateRequest(Name(commonName), key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyEncipherment, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], false));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_issuer, true, false));
        if (alternatives is not null)
        {
            request.CertificateExtensions.Add(alternatives.Build());
        }

        var now = DateTimeOffset.UtcNow.AddMinutes(-5);
        var end = now.AddDays(days);
        using var certificate = request.Create(_issuer, now, end < _issuer.NotAfter ? end : _issuer.NotAfter, Serial());
        folder.Write(file, certificate, key);
    }

    private static CertificateRequest Authority(string commonName, RSA key, int pathLength)
    {
        var request = new CertificateRequest(Name(commonName), key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, pathLength, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        return request;
    }

    private static X500DistinguishedName Name(string commonName)
    {
        var name = new X500DistinguishedNameBuilder();
        name.AddCommonName(commonName);
        name.AddOrganizationName(DevelopmentCertificate.Organization);
        return name.Build();
    }

    /// <summary>Positive and without a leading zero byte (RFC 5280 section 4.1.2.2).</summary>
    internal static byte[] Serial()
    {
        var serial = RandomNumberGenerator.GetBytes(16);
        serial[0] = (byte)((serial[0] & 0x7F) | 0x40);
        return serial;
    }

    private static string Pem(X509Certificate2 certificate) => certificate.ExportCertificatePem() + "\n";
}
