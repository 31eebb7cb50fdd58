using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;

namespace Chariot.SystemTests.Ssl;

/// <summary>One broker with SSL set up, anonymous allowed, and the files that clients trust.</summary>
public sealed class SslFixture : BrokerFixture, IDisposable
{
    private readonly TempDirectory _directory = new();

    public TestCertificates Certificates { get; } = new();

    /// <summary>Another CA and certificate, with the same names.</summary>
    public TestCertificates Strangers { get; } = new();

    public string RootFile => _directory.Write("root.crt", Certificates.RootPem);

    public string StrangersFile => _directory.Write("strangers.crt", Strangers.RootPem);

    public TempDirectory Files => _directory;

    public BrokerPorts Ports => Broker.Ports;

    protected override BrokerOptions Options => BrokerOptions.AllowAnonymous with
    {
        // All of 127/8 is this machine, but the certificate names localhost and 127.0.0.1 alone.
        Configuration = new Dictionary<string, string> { ["Chariot:Bootstrap:AllowAnonymous"] = "true", ["Chariot:Mqtt:BindAddress"] = "0.0.0.0" },
    };

    /// <summary>The three ports that speak TLS, by name.</summary>
    public int PortOf(string name) => name switch
    {
        "mqtts" => Ports.Mqtts,
        "wss" => Ports.Wss,
        "https" => Ports.Https,
        _ => throw new ArgumentOutOfRangeException(nameof(name)),
    };

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        await ServeAsync(Certificates);
    }

    public async Task ServeAsync(TestCertificates certificates) =>
        (await Broker.Admin.PutSslAsync(certificates.KeyPkcs8Pem, certificates.ServerPem, certificates.ChainPem)).EnsureSuccess();

    public async Task SetTlsAsync(string minVersion = "1.2", bool ocspStapling = false, int handshakeTimeoutSeconds = 10) =>
        (await Broker.Admin.PutAsync("settings/tls", new { minVersion, ocspStapling, handshakeTimeoutSeconds })).EnsureSuccess();

    /// <summary>A handshake of <c>openssl s_client</c>, host name checked; it sends nothing and leaves.</summary>
    public Task<CommandResult> HandshakeAsync(string port, params string[] options) => Command.RunAsync(
        "openssl", ["s_client", "-connect", $"127.0.0.1:{PortOf(port)}", "-servername", "localhost", "-verify_hostname", "localhost", "-CAfile", RootFile, .. options]);

    /// <summary>The same with the lines of a shell command as its input, which stays open until the command ends.</summary>
    public Task<CommandResult> TalkAsync(string port, string input, params string[] options) => Command.RunAsync(
        "bash", "-c", $"({input}) | openssl s_client -connect 127.0.0.1:{PortOf(port)} -servername localhost -verify_hostname localhost -CAfile '{RootFile}' {string.Join(' ', options)}");

    public void Dispose()
    {
        Certificates.Dispose();
        Strangers.Dispose();
        _directory.Dispose();
    }
}
