using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Options;

namespace Chariot.Server.Hosting;

/// <summary>
/// This node's certificate of the cluster's CA, and the rule for those of others: a valid chain to that very CA, and both usages. A name says nothing
/// here: nodes come and go, and the CA signs nothing but nodes.
/// </summary>
internal sealed class NodeIdentity
{
    /// <summary>Server and client authentication (RFC 5280 section 4.2.1.12): each node is both.</summary>
    public static readonly string[] Usages = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"];

    private const UnixFileMode Shared =
        UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    private readonly X509Certificate2Collection _authorities = [];

    private NodeIdentity(SslStreamCertificateContext certificate, X509Certificate2Collection authorities) => (Certificate, _authorities) = (certificate, authorities);

    public SslStreamCertificateContext Certificate { get; }

    /// <exception cref="OptionsValidationException">A file is missing, open to other users, or does not fit the others; the message says which.</exception>
    public static NodeIdentity Load(ClusterTlsOptions options)
    {
        try
        {
            RequirePrivate(options.KeyFile!);
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPemFile(options.AuthorityFile!);
            if (authorities.Count == 0)
            {
                throw Refused($"AuthorityFile {options.AuthorityFile} holds no certificate.");
            }

            var own = X509Certificate2.CreateFromPemFile(options.CertificateFile!, options.KeyFile!);
            var identity = new NodeIdentity(SslStreamCertificateContext.Create(own, [], offline: true), authorities);
            return identity.Judge(own) is { } fault ? throw Refused($"CertificateFile {options.CertificateFile} {fault}.") : identity;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw Refused($"{options.AuthorityFile}, {options.CertificateFile}, {options.KeyFile}: {error.Message}");
        }
    }

    /// <summary>Null for a node of this cluster; otherwise what is wrong, as the end of a sentence about its certificate.</summary>
    public string? Judge(X509Certificate? presented)
    {
        if (presented is not X509Certificate2 certificate)
        {
            return "is missing";
        }

        using var chain = new X509Chain { ChainPolicy = Policy() };
        if (!chain.Build(certificate))
        {
            return $"({certificate.Subject}) is not a valid one of the cluster's CA: {string.Join(", ", chain.ChainStatus.Select(status => status.Status).Distinct())}";
        }

        // A chain takes a certificate without the extension for one of every usage.
        var usages = certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().SelectMany(extension => extension.EnhancedKeyUsages.Cast<Oid>()).Select(oid => oid.Value).ToArray();
        return Usages.Except(usages).Any() ? $"({certificate.Subject}) is not one of a node: it must name server and client authentication as its usages" : null;
    }

    /// <summary>Trusts the CA of the cluster alone, and looks nothing up.</summary>
    public X509ChainPolicy Policy()
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        policy.CustomTrustStore.AddRange(_authorities);
        return policy;
    }

    private static void RequirePrivate(string file)
    {
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(file) & Shared) is not 0 and var mode)
        {
            throw Refused($"KeyFile {file} is open to other users (mode {Convert.ToString((int)mode, 8)} for them); allow its owner only (chmod 600).");
        }
    }

    private static OptionsValidationException Refused(string sentence) =>
        new("Chariot:Cluster:Tls", typeof(ClusterTlsOptions), [$"Chariot:Cluster:Tls: {sentence}"]);
}
