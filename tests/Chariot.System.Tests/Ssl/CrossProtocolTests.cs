using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Ssl;

/// <summary>
/// One certificate serves three ports, so what is meant for one may be sent to another (ALPACA): no port gives back what it was
/// sent, and a port closes on what it does not speak.
/// </summary>
public class CrossProtocolTests(SslFixture fixture) : IClassFixture<SslFixture>
{
    private const string Canary = "canary-5f1d2c";

    public static TheoryData<string, bool> MqttPorts => new() { { "mqtt", false }, { "mqtts", true }, { "ws", false }, { "wss", true } };

    [Theory, MemberData(nameof(MqttPorts))]
    public async Task OtherProtocols_OnAPortOfMqtt_GetNoByteOfTheirsBack_AndAreClosed(string port, bool tls)
    {
        foreach (var said in new[]
        {
            $"GET /{Canary} HTTP/1.1\r\nHost: {Canary}\r\nX-A: {Canary}\r\n\r\n",
            $"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30\r\n\r\n<script>{Canary}</script>",
            $"EHLO {Canary}\r\nMAIL FROM:<{Canary}@example.com>\r\n",
            $"USER {Canary}\r\n",
            $"a001 LOGIN {Canary} {Canary}\r\n",
        })
        {
            var answer = await SayAsync(PortOf(port), tls, Encoding.ASCII.GetBytes(said));
            Assert.DoesNotContain(Canary, Encoding.Latin1.GetString(answer), StringComparison.Ordinal);
            if (port.StartsWith("mqtt", StringComparison.Ordinal))
            {
                // 'G' is packet type 4 with flags 7, 'E' type 4 with flags 5: malformed with the first byte.
                Assert.Empty(answer);
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OtherProtocols_OnAPortOfHttp_GetNoByteOfTheirsBack(bool tls)
    {
        var connect = new ConnectPacket { ClientId = Canary }.Encode();
        foreach (var said in new[]
        {
            Encoding.ASCII.GetBytes($"EHLO {Canary}\r\n\r\n"),
            Encoding.ASCII.GetBytes($"GET /<script>{Canary}</script>?{Canary} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
            Encoding.ASCII.GetBytes($"{Canary} / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
            [.. connect, .. "\r\n\r\n"u8],
        })
        {
            var answer = await SayAsync(tls ? fixture.Ports.Https : fixture.Ports.Http, tls, said);
            Assert.DoesNotContain(Canary, Encoding.Latin1.GetString(answer), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("mqtts")]
    [InlineData("wss")]
    [InlineData("https")]
    public async Task PlainBytes_OnAPortForTls_AreClosed_WithAnAlertAtMost(string port)
    {
        foreach (var said in new[] { new ConnectPacket { ClientId = Canary }.Encode(), Encoding.ASCII.GetBytes($"GET /{Canary} HTTP/1.1\r\nHost: {Canary}\r\n\r\n") })
        {
            var answer = await SayAsync(fixture.PortOf(port), tls: false, said);
            Assert.DoesNotContain(Canary, Encoding.Latin1.GetString(answer), StringComparison.Ordinal);
            Assert.True(answer.Length <= 7, Convert.ToHexString(answer));
        }
    }

    [Fact]
    public async Task Tls_OnThePlainPort_IsClosed_WithoutAByte()
    {
        using var socket = await DialAsync(fixture.Ports.Mqtt);
        await using var stream = new SslStream(new NetworkStream(socket), false, (_, certificate, _, _) => certificate is not null);

        var error = await Assert.ThrowsAnyAsync<IOException>(() => stream.AuthenticateAsClientAsync("localhost").WaitAsync(TimeSpan.FromSeconds(30)));

        Assert.Null(error.InnerException as System.Security.Authentication.AuthenticationException);
        await using var other = await RawMqttClient.ConnectAsync(fixture.Ports.Mqtt, new ConnectPacket { ClientId = "unimpressed" });
    }

    [Fact]
    public async Task SslKeyLogFile_IsIgnored()
    {
        var log = fixture.Files.File("keys.log");
        await using var broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous with { Environment = new Dictionary<string, string> { ["SSLKEYLOGFILE"] = log } });
        (await broker.Admin.PutSslAsync(fixture.Certificates.KeyPkcs8Pem, fixture.Certificates.ServerPem, fixture.Certificates.ChainPem)).EnsureSuccess();
        await using (await RawMqttClient.ConnectAsync(broker.Ports.Mqtts, new ConnectPacket { ClientId = "k" }, fixture.Certificates.Root))
        {
            using var admin = new AdminClient(broker.Ports.Https, BrokerOptions.DefaultPassword, trustedRoot: fixture.Certificates.Root);
            (await admin.GetAsync("ssl")).EnsureSuccess();
        }

        await broker.StopAsync();
        Assert.False(File.Exists(log));
    }

    private int PortOf(string name) => name switch
    {
        "mqtt" => fixture.Ports.Mqtt,
        "ws" => fixture.Ports.Ws,
        _ => fixture.PortOf(name),
    };

    /// <summary>Everything that comes back until the other side closes.</summary>
    private static async Task<byte[]> SayAsync(int port, bool tls, byte[] bytes)
    {
        using var socket = await DialAsync(port);
        Stream stream = new NetworkStream(socket);
        if (tls)
        {
            var secure = new SslStream(stream, false, (_, certificate, _, _) => certificate is not null);
            await secure.AuthenticateAsClientAsync("localhost").WaitAsync(TimeSpan.FromSeconds(30));
            stream = secure;
        }

        await using (stream)
        {
            await stream.WriteAsync(bytes);
            using var all = new MemoryStream();
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            try
            {
                await stream.CopyToAsync(all, deadline.Token);
            }
            catch (IOException)
            {
                // A reset is as closed as an orderly end.
                return all.ToArray();
            }

            return all.ToArray();
        }
    }

    private static async Task<Socket> DialAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await socket.ConnectAsync(IPAddress.Loopback, port, deadline.Token);
        return socket;
    }
}
