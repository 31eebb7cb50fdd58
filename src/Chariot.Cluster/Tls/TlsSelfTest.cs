using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Chariot.Abstractions.Configuration;

namespace Chariot.Cluster.Tls;

/// <summary>Proves that a certificate can be served before anything is switched to it.</summary>
internal static class TlsSelfTest
{
    // In memory it takes milliseconds; this bounds a machine that is badly overloaded.
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(10);

    /// <summary>Signs and verifies with the key, then shakes hands with itself. Null when both work, otherwise one sentence.</summary>
    public static async Task<string?> RunAsync(TlsMaterial material, TlsSettings settings, CancellationToken cancellationToken)
    {
        try
        {
            if (!SignsFor(material.Certificate))
            {
                return "The private key does not belong to the certificate: a test signature could not be verified.";
            }

            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            deadline.CancelAfter(s_timeout);
            await ShakeHandsAsync(material, settings, deadline.Token);
            return null;
        }
        catch (Exception e) when (e is CryptographicException or AuthenticationException or IOException)
        {
            return $"A test handshake with the certificate failed: {(e.InnerException ?? e).GetType().Name}.";
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return $"A test handshake with the certificate did not end within {s_timeout.TotalSeconds} s.";
        }
    }

    private static bool SignsFor(X509Certificate2 certificate)
    {
        using var privateKey = certificate.GetRSAPrivateKey();
        using var publicKey = certificate.GetRSAPublicKey();
        if (privateKey is null || publicKey is null)
        {
            return false;
        }

        var block = RandomNumberGenerator.GetBytes(64);
        var signature = privateKey.SignData(block, HashAlgorithmName.SHA256, RSASignaturePadding.Pss);
        return publicKey.VerifyData(block, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pss);
    }

    private static async Task ShakeHandsAsync(TlsMaterial material, TlsSettings settings, CancellationToken cancellationToken)
    {
        var (clientEnd, serverEnd) = DuplexPipeStream.CreatePair();
        await using var client = new SslStream(clientEnd);
        await using var server = new SslStream(serverEnd);
        var accepting = server.AuthenticateAsServerAsync(ServerTlsOptions.ForMqtt(material, settings), cancellationToken);
        var connecting = client.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = "localhost",
                // Otherwise .NET fetches issuers that are missing from addresses in the certificate, and waits for them.
                CertificateChainPolicy = new X509ChainPolicy { DisableCertificateDownloads = true, RevocationMode = X509RevocationMode.NoCheck },
                // Names and trust were judged when the files were validated; here only our own certificate will do.
                RemoteCertificateValidationCallback = (_, served, _, _) => served is not null && served.GetRawCertData().AsSpan().SequenceEqual(material.Certificate.RawDataMemory.Span),
            },
            cancellationToken);

        // When one side fails, the other would wait for bytes that never come.
        if (await Task.WhenAny(accepting, connecting) is { IsCompletedSuccessfully: false } failed)
        {
            await clientEnd.DisposeAsync();
            await serverEnd.DisposeAsync();
            await Task.WhenAny(Task.WhenAll(accepting, connecting));
            await failed;
        }

        await Task.WhenAll(accepting, connecting);
    }
}
