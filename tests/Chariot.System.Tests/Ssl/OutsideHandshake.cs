using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Chariot.SystemTests.Ssl;

/// <summary>A handshake from outside the broker: what a port really serves.</summary>
internal static class OutsideHandshake
{
    /// <summary>SHA-256 of the certificate that <paramref name="port"/> shows, lower-case hex; null when nothing listens there.</summary>
    public static async Task<string?> FingerprintAsync(int port)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, port, deadline.Token);
        }
        catch (SocketException refused) when (refused.SocketErrorCode == SocketError.ConnectionRefused)
        {
            return null;
        }

        X509Certificate? seen = null;
        await using var stream = new SslStream(new NetworkStream(socket), false);
        await stream.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = "localhost",
                // A resumed session would show the certificate of the handshake that it came from.
                AllowTlsResume = false,
                RemoteCertificateValidationCallback = (_, certificate, _, _) => (seen = certificate) is not null,
            },
            deadline.Token);
        return Fingerprint(seen!);
    }

    public static string Fingerprint(X509Certificate certificate) => Convert.ToHexStringLower(SHA256.HashData(certificate.GetRawCertData()));
}
