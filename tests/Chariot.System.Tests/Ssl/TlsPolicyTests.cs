using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text.RegularExpressions;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Ssl;

/// <summary>What the three ports for TLS agree to: versions, suites, extensions, and the settings that change it live.</summary>
public partial class TlsPolicyTests(SslFixture fixture) : IClassFixture<SslFixture>
{
    private const string Everything = "ALL:COMPLEMENTOFALL:@SECLEVEL=0";

    private static readonly string[] Suites12 = ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"];

    private static readonly string[] PortNames = ["mqtts", "wss", "https"];

    public static TheoryData<string> Ports => [.. PortNames];

    [Theory, MemberData(nameof(Ports))]
    public async Task Versions_BelowTls12_AreRefusedWithAnAlert(string port)
    {
        foreach (var version in new[] { "-tls1", "-tls1_1" })
        {
            var refused = await fixture.HandshakeAsync(port, version, "-cipher", Everything);
            Assert.NotEqual(0, refused.ExitCode);
            Assert.Contains("alert protocol version", refused.Errors, StringComparison.Ordinal);
        }

        // SSL 3.0, which openssl cannot speak any more: a ClientHello by hand.
        var answer = await AnswerToAsync(fixture.PortOf(port), Hello(0x0300));
        Assert.True(answer.Length == 0 || answer[0] == 0x15, Convert.ToHexString(answer));

        foreach (var (version, name) in new[] { ("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3") })
        {
            var served = (await fixture.HandshakeAsync(port, version)).EnsureSuccess();
            Assert.Contains($"New, {name}", served.Output, StringComparison.Ordinal);
            Assert.Contains("Verification: OK", served.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task FailedHandshakes_AreCounted()
    {
        var before = await FailuresAsync();

        await fixture.HandshakeAsync("mqtts", "-tls1_1", "-cipher", Everything);

        await Eventually.TrueAsync(async () => await FailuresAsync() > before, "counted");
    }

    [Theory, MemberData(nameof(Ports))]
    public async Task Suites_AreEcdheWithAead_AndNoOther(string port)
    {
        foreach (var suite in Suites12)
        {
            Assert.Contains($"Cipher is {suite}", (await fixture.HandshakeAsync(port, "-tls1_2", "-cipher", suite)).EnsureSuccess().Output, StringComparison.Ordinal);
        }

        foreach (var suite in new[] { "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256" })
        {
            Assert.Contains($"Cipher is {suite}", (await fixture.HandshakeAsync(port, "-tls1_3", "-ciphersuites", suite)).EnsureSuccess().Output, StringComparison.Ordinal);
        }

        // Everything else that openssl knows, in one offer: CBC, RSA key exchange, finite-field DH, PSK, NULL, anonymous.
        var others = await fixture.HandshakeAsync(port, "-tls1_2", "-cipher", string.Join(":!", [$"ALL:COMPLEMENTOFALL", .. Suites12]) + ":@SECLEVEL=0");
        Assert.NotEqual(0, others.ExitCode);
        Assert.Contains("alert handshake failure", others.Errors, StringComparison.Ordinal);
        Assert.NotEqual(0, (await fixture.HandshakeAsync(port, "-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256")).ExitCode);
    }

    [Theory, MemberData(nameof(Ports))]
    public async Task Groups_AreOpenSslsOwn(string port)
    {
        foreach (var (group, name) in new[] { ("X25519", "X25519"), ("P-256", "prime256v1"), ("P-384", "secp384r1") })
        {
            Assert.Contains(name, TemporaryKey().Match((await fixture.HandshakeAsync(port, "-groups", group)).EnsureSuccess().Output).Value, StringComparison.Ordinal);
        }
    }

    [Theory, MemberData(nameof(Ports))]
    public async Task Renegotiation_Compression_AndEarlyData_AreNone(string port)
    {
        var renegotiation = await fixture.TalkAsync(port, "echo R; sleep 2", "-tls1_2");
        Assert.NotEqual(0, renegotiation.ExitCode);
        Assert.Contains("RENEGOTIATING", renegotiation.Output + renegotiation.Errors, StringComparison.Ordinal);
        Assert.Matches("no renegotiation|unexpected eof", renegotiation.Errors);
        Assert.Contains("Secure Renegotiation IS supported", renegotiation.Output, StringComparison.Ordinal);
        Assert.Contains("Compression: NONE", renegotiation.Output, StringComparison.Ordinal);

        var ticket = await fixture.TalkAsync(port, "sleep 1", "-tls1_3");
        Assert.DoesNotMatch("Max Early Data: [1-9]", ticket.Output);
        Assert.Contains("Early data was not sent", ticket.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Alpn_OfMqttClients_IsIgnored_AndHttpChooses()
    {
        foreach (var offer in new[] { "mqtt", "h2", "http/1.1,mqtt" })
        {
            Assert.Contains("No ALPN negotiated", (await fixture.HandshakeAsync("mqtts", "-alpn", offer)).EnsureSuccess().Output, StringComparison.Ordinal);
        }

        Assert.Contains("ALPN protocol: h2", (await fixture.HandshakeAsync("https", "-alpn", "h2,http/1.1")).EnsureSuccess().Output, StringComparison.Ordinal);
        Assert.Contains("ALPN protocol: http/1.1", (await fixture.HandshakeAsync("https", "-alpn", "http/1.1")).EnsureSuccess().Output, StringComparison.Ordinal);
        Assert.Contains("ALPN protocol: http/1.1", (await fixture.HandshakeAsync("wss", "-alpn", "h2,http/1.1")).EnsureSuccess().Output, StringComparison.Ordinal);
        Assert.Contains("No ALPN negotiated", (await fixture.HandshakeAsync("wss")).EnsureSuccess().Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MinVersion_IsLive_AndDropsNobody()
    {
        await using var old = await ConnectTls12Async();
        try
        {
            await fixture.SetTlsAsync("1.3");
            foreach (var port in PortNames)
            {
                Assert.Contains("alert protocol version", (await fixture.HandshakeAsync(port, "-tls1_2")).Errors, StringComparison.Ordinal);
                (await fixture.HandshakeAsync(port, "-tls1_3")).EnsureSuccess();
            }

            // Connected before, with what is refused now.
            await old.WriteAsync(Packets.PingReq);
            Assert.Equal([0xD0, 0x00], await ReadExactlyAsync(old, 2));
        }
        finally
        {
            await fixture.SetTlsAsync();
        }

        foreach (var port in PortNames)
        {
            (await fixture.HandshakeAsync(port, "-tls1_2")).EnsureSuccess();
        }
    }

    [Fact]
    public async Task Settings_OutOfRange_AreRefused()
    {
        foreach (var body in new object[]
        {
            new { minVersion = "1.1", ocspStapling = false, handshakeTimeoutSeconds = 10 },
            new { minVersion = "1.2", ocspStapling = false, handshakeTimeoutSeconds = 0 },
            new { minVersion = "1.2", ocspStapling = false, handshakeTimeoutSeconds = 61 },
        })
        {
            Assert.Equal(HttpStatusCode.BadRequest, (await fixture.Broker.Admin.PutAsync("settings/tls", body)).Status);
        }
    }

    /// <summary>With 1.2 allowed no session is resumed (docs/adr/0006); with 1.3 alone they are, and never past a new certificate.</summary>
    [Fact]
    public async Task Resumption_EndsWithTheCertificate()
    {
        var session = fixture.Files.File("session.pem");
        try
        {
            await fixture.SetTlsAsync("1.3");
            (await fixture.TalkAsync("mqtts", "sleep 1", "-tls1_3", "-sess_out", session)).EnsureSuccess();
            var resumed = (await fixture.HandshakeAsync("mqtts", "-tls1_3", "-sess_in", session)).Output.Contains("Reused, TLSv1.3", StringComparison.Ordinal);

            await fixture.ServeAsync(fixture.Strangers);
            var fresh = await fixture.HandshakeAsync("mqtts", "-tls1_3", "-sess_in", session, "-CAfile", fixture.StrangersFile);
            Assert.Contains("New, TLSv1.3", fresh.Output, StringComparison.Ordinal);
            Assert.Contains("Verification: OK", fresh.Output, StringComparison.Ordinal);
            Drill.Report($"TLS 1.3 session resumed before a new certificate: {(resumed ? "yes" : "no")}; after it: no");
        }
        finally
        {
            await fixture.SetTlsAsync();
            await fixture.ServeAsync(fixture.Certificates);
        }
    }

    [Fact]
    public async Task Hsts_IsAbsent()
    {
        var answer = (await Command.RunAsync("curl", "-fsSi", "--cacert", fixture.RootFile, $"https://localhost:{fixture.Ports.Https}/healthz")).EnsureSuccess();

        Assert.Contains(" 200", answer.Output.Split('\n')[0], StringComparison.Ordinal);
        Assert.DoesNotContain("strict-transport-security", answer.Output, StringComparison.OrdinalIgnoreCase);
    }

    [Theory, MemberData(nameof(Ports))]
    public async Task AHandshakeAByteAtATime_IsCutAfterTheTimeOfTheSettings(string port)
    {
        var limit = Drill.Pick(2, 10);
        await fixture.SetTlsAsync(handshakeTimeoutSeconds: limit);
        try
        {
            using var socket = await DialAsync(fixture.PortOf(port));
            var started = System.Diagnostics.Stopwatch.StartNew();
            var closed = ReadToCloseAsync(socket);
            foreach (var one in Hello(0x0303))
            {
                if (await Task.WhenAny(closed, Task.Delay(200)) == closed || !TrySend(socket, one))
                {
                    break;
                }
            }

            await closed.WaitAsync(TimeSpan.FromSeconds(limit + 30));
            var seconds = started.Elapsed.TotalSeconds;
            Drill.Report($"{port}: a ClientHello of a byte each 0.2 s is cut after {seconds.ToString("0.0", CultureInfo.InvariantCulture)} s, limit {limit} s");
            Assert.InRange(seconds, limit - 0.5, limit + Drill.Pick(8, 2));
        }
        finally
        {
            await fixture.SetTlsAsync();
        }
    }

    /// <summary>Clients that begin a handshake and fall silent keep nobody out: neither those connected nor those that come.</summary>
    [Theory]
    [InlineData("mqtts")]
    [InlineData("wss")]
    public async Task StalledHandshakes_KeepNobodyOut(string port)
    {
        var count = Drill.Pick(400, 5000);
        await fixture.SetTlsAsync(handshakeTimeoutSeconds: 60);
        var stalled = new List<Socket>();
        try
        {
            await using var existing = await RawMqttClient.ConnectAsync(fixture.Ports.Mqtts, new ConnectPacket { ClientId = "existing" }, fixture.Certificates.Root);
            for (var i = 0; i < count; i++)
            {
                var socket = await DialAsync(fixture.PortOf(port));
                stalled.Add(socket);
                socket.Send(Hello(0x0303).AsSpan(0, 20));
            }

            // Every one has been read before the clients that must get through come.
            var started = System.Diagnostics.Stopwatch.StartNew();
            Assert.InRange(await existing.PublishAsync("stalled/handshakes", "x", 1), 0, 0x7F);
            var publish = started.Elapsed;
            started.Restart();
            if (port == "mqtts")
            {
                await using var good = await RawMqttClient.ConnectAsync(fixture.Ports.Mqtts, new ConnectPacket { ClientId = "good" }, fixture.Certificates.Root);
            }
            else
            {
                using var good = await WebSocket.WebSocketMqtt.ConnectAsync(fixture.Ports.Wss, "good", fixture.Certificates.Root);
            }

            Drill.Report(string.Create(CultureInfo.InvariantCulture, $"{port}: {count} stalled handshakes: a QoS 1 PUBLISH of a connected client {publish.TotalMilliseconds:0} ms, a new client in after {started.Elapsed.TotalMilliseconds:0} ms"));
        }
        finally
        {
            stalled.ForEach(socket => socket.Dispose());
            await fixture.SetTlsAsync();
        }
    }

    private async Task<long> FailuresAsync()
    {
        var token = (string)(await fixture.Broker.Admin.TryLoginAsync()).EnsureSuccess().Body!["accessToken"]!;
        var text = (await Command.RunAsync("curl", "-fsS", "-H", $"Authorization: Bearer {token}", $"http://localhost:{fixture.Ports.Http}/metrics")).EnsureSuccess().Output;
        return long.Parse(FailureCount().Match(text).Groups[1].Value, CultureInfo.InvariantCulture);
    }

    private async Task<SslStream> ConnectTls12Async()
    {
        var stream = new SslStream(new NetworkStream(await DialAsync(fixture.Ports.Mqtts), ownsSocket: true), false, (_, certificate, _, _) => certificate is not null);
#pragma warning disable CA5398 // The version is what is tested.
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost", EnabledSslProtocols = SslProtocols.Tls12 });
#pragma warning restore CA5398
        await stream.WriteAsync(new ConnectPacket { ClientId = "tls12", Version = MqttVersion.V311, KeepAlive = 0 }.Encode());
        Assert.Equal([0x20, 0x02, 0x00, 0x00], await ReadExactlyAsync(stream, 4));
        return stream;
    }

    private static async Task<byte[]> ReadExactlyAsync(Stream stream, int count)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var bytes = new byte[count];
        await stream.ReadExactlyAsync(bytes, deadline.Token);
        return bytes;
    }

    private static async Task<Socket> DialAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await socket.ConnectAsync(IPAddress.Loopback, port, deadline.Token);
        return socket;
    }

    private static async Task<byte[]> AnswerToAsync(int port, byte[] bytes)
    {
        using var socket = await DialAsync(port);
        await socket.SendAsync(bytes);
        return await ReadToCloseAsync(socket).WaitAsync(TimeSpan.FromSeconds(30));
    }

    private static async Task<byte[]> ReadToCloseAsync(Socket socket)
    {
        using var all = new MemoryStream();
        var buffer = new byte[4096];
        try
        {
            int read;
            while ((read = await socket.ReceiveAsync(buffer)) > 0)
            {
                all.Write(buffer, 0, read);
            }
        }
        catch (SocketException)
        {
            // A reset is as closed as an orderly end.
            return all.ToArray();
        }

        return all.ToArray();
    }

    private static bool TrySend(Socket socket, byte one)
    {
        try
        {
            return socket.Send([one]) == 1;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>A ClientHello (RFC 5246 section 7.4.1.2) of the given version with two old suites and no extensions.</summary>
    private static byte[] Hello(int version)
    {
        var (high, low) = ((byte)(version >> 8), (byte)version);
        byte[] body = [high, low, .. new byte[32], 32, .. new byte[32], 0, 4, 0x00, 0x2F, 0x00, 0x35, 1, 0];
        byte[] handshake = [1, 0, 0, (byte)body.Length, .. body];
        return [0x16, 3, low == 0 ? (byte)0 : (byte)1, 0, (byte)handshake.Length, .. handshake];
    }

    [GeneratedRegex(@"Server Temp Key: .*")]
    private static partial Regex TemporaryKey();

    [GeneratedRegex(@"(?m)^chariot_tls_handshakes_failed_total (\d+)$")]
    private static partial Regex FailureCount();
}
