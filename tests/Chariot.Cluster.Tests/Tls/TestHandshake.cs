using System.Net.Security;
using System.Security.Authentication;
using Chariot.Abstractions.Configuration;
using Chariot.Cluster.Tls;

namespace Chariot.Cluster.Tests.Tls;

/// <summary>What a client sees of a handshake.</summary>
internal sealed record Shown(byte[][] Certificates, SslProtocols Protocol, TlsCipherSuite Suite, string Alpn);

/// <summary>A real handshake in memory, with the options of the MQTT listener.</summary>
internal static class TestHandshake
{
    public static async Task<Shown> ConnectAsync(
        TlsMaterial material,
        TlsSettings settings,
        SslProtocols version = SslProtocols.None,
        TlsCipherSuite? suite = null,
        string? protocol = null)
    {
        var (clientEnd, serverEnd) = DuplexPipeStream.CreatePair();
        await using var client = new SslStream(clientEnd);
        await using var server = new SslStream(serverEnd);
        byte[][] certificates = [];
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            EnabledSslProtocols = version,
            // What the server sent is in the chain's extra store, leaf first; the chain itself may hold more.
            RemoteCertificateValidationCallback = (_, certificate, chain, _) =>
            {
                certificates = [.. chain!.ChainPolicy.ExtraStore.Select(c => c.RawData)];
                if (certificates.Length == 0 || !certificates[0].SequenceEqual(certificate!.GetRawCertData()))
                {
                    certificates = [certificate!.GetRawCertData(), .. certificates];
                }

                return true;
            },
        };
        if (suite is { } only && OperatingSystem.IsLinux())
        {
            options.CipherSuitesPolicy = new CipherSuitesPolicy([only]);
        }

        if (protocol is not null)
        {
            options.ApplicationProtocols = [new SslApplicationProtocol(protocol)];
        }

        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        var accepting = server.AuthenticateAsServerAsync(ServerTlsOptions.ForMqtt(material, settings), deadline.Token);
        var connecting = client.AuthenticateAsClientAsync(options, deadline.Token);
        var first = await Task.WhenAny(accepting, connecting);
        if (!first.IsCompletedSuccessfully)
        {
            await clientEnd.DisposeAsync();
            await serverEnd.DisposeAsync();
            await Task.WhenAny(Task.WhenAll(accepting, connecting));
            await first;
        }

        await Task.WhenAll(accepting, connecting);
        return new Shown(certificates, server.SslProtocol, server.NegotiatedCipherSuite, server.NegotiatedApplicationProtocol.ToString());
    }
}
