using System.Security.Cryptography.X509Certificates;
using Chariot.TestKit;
using Chariot.TestKit.Certificates;

namespace Chariot.SystemTests.ClientCertificates;

/// <summary>A TLS session of yesterday is no way around what is asked today.</summary>
public sealed class TicketTests(ClientCertificateFixture fixture) : IClassFixture<ClientCertificateFixture>, IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("-tls1_2", "1.2")]
    [InlineData("-tls1_3", "1.2")]
    [InlineData("-tls1_3", "1.3")]
    public async Task RevokedClient_WithAnOldTicket_IsRefused(string version, string least)
    {
        await SetLeastVersionAsync(least);
        await fixture.SetPolicyAsync("required");
        using var certificate = fixture.Root.Issue("resumes");
        var (file, key, session) = (Write(certificate.ExportCertificatePem()), Write(certificate.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem()), _directory.Write(Unique.Name("s"), ""));
        Assert.True(await ConnectsAsync(version, "-cert", file, "-key", key, "-sess_out", session));

        (await fixture.Admin.PostAsync("client-ca/revoked/" + certificate.SerialNumber)).EnsureSuccess();

        Assert.False(await ConnectsAsync(version, ["-cert", file, "-key", key, .. OfTicket(session)]));
        Assert.False(await ConnectsAsync(version, OfTicket(session)));
    }

    [Fact]
    public async Task Ticket_OfATimeWithoutCertificates_IsNoCertificate()
    {
        await SetLeastVersionAsync("1.3");
        await fixture.SetPolicyAsync("none");
        var session = _directory.Write(Unique.Name("s"), "");
        Assert.True(await ConnectsAsync("-tls1_3", "-sess_out", session));
        // Otherwise there would be nothing to see: the ticket is good as long as no certificate is asked for.
        Assert.True(await ConnectsAsync("-tls1_3", OfTicket(session)));

        await fixture.SetPolicyAsync("required");

        Assert.False(await ConnectsAsync("-tls1_3", OfTicket(session)));
    }

    private static string[] OfTicket(string session) => new FileInfo(session).Length > 0 ? ["-sess_in", session] : [];

    private async Task SetLeastVersionAsync(string version) =>
        (await fixture.Admin.PutAsync("settings/tls", new { minVersion = version, ocspStapling = false, handshakeTimeoutSeconds = 10 })).EnsureSuccess();

    private string Write(string pem) => _directory.Write(Unique.Name("f"), pem);

    /// <summary>Whether a CONNECT over this handshake is answered by CONNACK.</summary>
    private async Task<bool> ConnectsAsync(string version, params string[] arguments)
    {
        // MQTT 3.1.1: CONNECT, clean, client id "t", then DISCONNECT, so that the broker ends the connection.
        const string Packets = @"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01t\xe0\x00";
        var client = string.Join(' ', ["openssl", "s_client", "-connect", $"127.0.0.1:{fixture.Broker.Ports.Mqtts}", "-quiet", "-ign_eof", version, .. arguments]);
        var result = await Command.RunAsync("bash", "-c", $"printf '{Packets}' | timeout 20 {client} | head -c 2 | od -An -tx1");
        return result.Output.Trim() == "20 02";
    }
}
