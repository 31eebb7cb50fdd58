using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Chariot.Abstractions.Configuration;

/// <summary>
/// The TLS policy of every secure listener (MQTTs, WSS, HTTPS) in one place. Build the options once per
/// <see cref="TlsMaterial"/> and <see cref="TlsSettings"/>, and share them between connections.
/// </summary>
public static class ServerTlsOptions
{
    // TLS 1.2: ECDHE with an AEAD only, so no CBC and no RSA key exchange. The certificate is RSA, so no ECDSA suites.
    private static readonly TlsCipherSuite[] s_suites =
    [
        TlsCipherSuite.TLS_AES_128_GCM_SHA256,
        TlsCipherSuite.TLS_AES_256_GCM_SHA384,
        TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256,
        TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        TlsCipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ];

    /// <summary>
    /// For MQTT over TCP. The protocol list is empty and not null: whatever a client offers by ALPN ("mqtt", "h2", nothing) is
    /// ignored, and it connects.
    /// </summary>
    public static SslServerAuthenticationOptions ForMqtt(TlsMaterial material, TlsSettings settings) => Create(material, settings, []);

    /// <summary>For HTTPS: HTTP/2 and HTTP/1.1.</summary>
    public static SslServerAuthenticationOptions ForHttps(TlsMaterial material, TlsSettings settings) =>
        Create(material, settings, [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11]);

    /// <summary>For secure WebSocket, whose upgrade is an HTTP/1.1 request (RFC 6455 section 4.1).</summary>
    public static SslServerAuthenticationOptions ForWebSocket(TlsMaterial material, TlsSettings settings) =>
        Create(material, settings, [SslApplicationProtocol.Http11]);

    private static SslServerAuthenticationOptions Create(TlsMaterial material, TlsSettings settings, List<SslApplicationProtocol> protocols)
    {
        ArgumentNullException.ThrowIfNull(material);
        ArgumentNullException.ThrowIfNull(settings);
        var only13 = settings.MinVersion == "1.3";
        var options = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = material.Context,
#pragma warning disable CA5398 // The versions are the product's own rule; the machine's openssl.cnf must not decide them.
            EnabledSslProtocols = only13 ? SslProtocols.Tls13 : SslProtocols.Tls12 | SslProtocols.Tls13,
#pragma warning restore CA5398
            ApplicationProtocols = protocols,
            AllowRenegotiation = false,
            ClientCertificateRequired = false,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            EncryptionPolicy = EncryptionPolicy.RequireEncryption,
        };

        // .NET keeps no native context, and so resumes no session, under a suite policy on Linux (measured: 3.1 instead of 0.7 ms
        // of CPU per TLS 1.2 reconnect, both ends). With 1.3 only, every suite is allowed and none is needed.
        if (!only13 && OperatingSystem.IsLinux())
        {
            options.CipherSuitesPolicy = new CipherSuitesPolicy(s_suites);
        }

        return options;
    }
}
