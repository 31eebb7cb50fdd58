using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Chariot.TestKit;
using Chariot.TestKit.Broker;

namespace Chariot.SystemTests.Ssl;

/// <summary>A CA whose certificates name an OCSP responder on loopback, and that responder (<c>openssl ocsp</c>).</summary>
internal sealed class RespondingAuthority : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly RSA _rootKey = RSA.Create(2048);
    private readonly RSA _issuerKey = RSA.Create(2048);
    private readonly X509Certificate2 _root;
    private readonly X509Certificate2 _issuer;
    private readonly bool _underRoot;
    private readonly StringBuilder _index = new();
    private Process? _responder;

    /// <param name="underRoot">Whether leaves are signed by the root, without an intermediate.</param>
    public RespondingAuthority(bool underRoot = false)
    {
        _underRoot = underRoot;
        var now = DateTimeOffset.UtcNow;
        _root = Authority("CN=Responding Root", _rootKey).CreateSelfSigned(now.AddDays(-1), now.AddYears(5));
        using var signed = Authority("CN=Responding Intermediate", _issuerKey).Create(_root, now.AddDays(-1), now.AddYears(2), [1, 2, 3]);
        _issuer = underRoot ? X509CertificateLoader.LoadCertificate(_root.RawData).CopyWithPrivateKey(_rootKey) : signed.CopyWithPrivateKey(_issuerKey);
    }

    public int Port { get; set; } = BrokerPorts.Free();

    /// <summary>Where the certificates say that their issuer can be had: nobody may ask there.</summary>
    public int IssuerPort { get; } = BrokerPorts.Free();

    public string RootFile => _directory.Write("root.crt", Pem(_root));

    public string ChainPem => _underRoot ? Pem(_root) : Pem(_issuer) + Pem(_root);

    /// <summary>A server key and its certificate, known to the responder.</summary>
    public (string KeyPem, string CertificatePem) Issue()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyEncipherment, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
        request.CertificateExtensions.Add(new X509AuthorityInformationAccessExtension([$"http://127.0.0.1:{Port}"], [$"http://127.0.0.1:{IssuerPort}/issuer.crt"]));
        byte[] serial = [0x40, .. RandomNumberGenerator.GetBytes(15)];
        var end = DateTimeOffset.UtcNow.AddDays(90);
        using var certificate = request.Create(_issuer, DateTimeOffset.UtcNow.AddDays(-1), end, serial);
        _index.Append(CultureInfo.InvariantCulture, $"V\t{end.UtcDateTime:yyMMddHHmmss}Z\t\t{Convert.ToHexString(serial)}\tunknown\t/CN=localhost\n");
        return (key.ExportPkcs8PrivateKeyPem() + "\n", Pem(certificate));
    }

    public void StartResponder()
    {
        using var key = _issuer.GetRSAPrivateKey()!;
        var issuer = _directory.Write("issuer.crt", Pem(_issuer));
        _responder = Process.Start(new ProcessStartInfo(
            "openssl",
            [
                "ocsp", "-index", _directory.Write("index.txt", _index.ToString()), "-port", $"{Port}", "-rsigner", issuer,
                "-rkey", _directory.Write("issuer.key", key.ExportPkcs8PrivateKeyPem()), "-CA", issuer, "-ndays", "1", "-ignore_err",
            ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        });
        _responder!.BeginErrorReadLine();
        _responder.BeginOutputReadLine();
    }

    public void StopResponder()
    {
        if (_responder is { } process)
        {
            process.Kill();
            process.WaitForExit();
            process.Dispose();
            _responder = null;
        }
    }

    public void Dispose()
    {
        StopResponder();
        _root.Dispose();
        _issuer.Dispose();
        _rootKey.Dispose();
        _issuerKey.Dispose();
        _directory.Dispose();
    }

    private static CertificateRequest Authority(string name, RSA key)
    {
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign | X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        return request;
    }

    private static string Pem(X509Certificate2 certificate) => certificate.ExportCertificatePem() + "\n";
}
