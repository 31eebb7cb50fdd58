using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Chariot.Edge.Listeners;
using Microsoft.Extensions.Logging;

namespace Chariot.Edge.Tests.Listeners;

public sealed class ServedCertificateProbeTests : IAsyncLifetime, IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stopping = new();
    private readonly KeptLog _log = new();
    private readonly X509Certificate2 _one = SelfSigned("one");
    private readonly X509Certificate2 _two = SelfSigned("two");
    private ServedCertificateProbe _probe = null!;
    private SslServerAuthenticationOptions _options = new();
    private Task _serving = Task.CompletedTask;

    private IPEndPoint EndPoint => (IPEndPoint)_listener.LocalEndpoint;

    public Task InitializeAsync()
    {
        _listener.Start();
        _probe = new ServedCertificateProbe(TimeProvider.System, _log);
        Serve(_one);
        _serving = ServeAsync();
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await _probe.DisposeAsync();
        await _stopping.CancelAsync();
        _listener.Stop();
        await _serving;
    }

    public void Dispose()
    {
        _listener.Dispose();
        _one.Dispose();
        _two.Dispose();
        _stopping.Dispose();
    }

    [Fact]
    public async Task Probe_SeesTheCertificateThatIsServed_AndTheNextOne()
    {
        await _probe.ProbeAsync(EndPoint, Fingerprint(_one));
        Assert.Equal(Fingerprint(_one), _probe.Fingerprint);

        Serve(_two);
        await _probe.ProbeAsync(EndPoint, Fingerprint(_two));

        Assert.Equal(Fingerprint(_two), _probe.Fingerprint);
        Assert.Empty(_log.Events);
    }

    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task Probe_SeesIt_ThoughAClientCertificateIsRequired(SslProtocols version)
    {
        Serve(_one, version, clientCertificateRequired: true);

        await _probe.ProbeAsync(EndPoint, Fingerprint(_one));

        Assert.Equal(Fingerprint(_one), _probe.Fingerprint);
    }

    [Fact]
    public async Task OtherCertificate_IsToldOfOnce_WhenItStays()
    {
        await _probe.ProbeAsync(EndPoint, Fingerprint(_two));
        Assert.Empty(_log.Events);

        await _probe.ProbeAsync(EndPoint, Fingerprint(_two));
        await _probe.ProbeAsync(EndPoint, Fingerprint(_two));
        await _probe.ProbeAsync(EndPoint, Fingerprint(_two));

        Assert.Equal((LogLevel.Error, 1101), Assert.Single(_log.Events));
    }

    [Fact]
    public async Task PortThatDoesNotAnswer_ShowsNothing_AndIsToldOf()
    {
        await _probe.ProbeAsync(EndPoint, Fingerprint(_one));
        var gone = EndPoint;
        _listener.Stop();

        await _probe.ProbeAsync(gone, Fingerprint(_one));
        Assert.Null(_probe.Fingerprint);
        await _probe.ProbeAsync(gone, Fingerprint(_one));

        Assert.Equal((LogLevel.Warning, 1100), Assert.Single(_log.Events));
    }

    [Fact]
    public async Task ClosedPort_ShowsNothing_AndIsNoFault()
    {
        await _probe.ProbeAsync(EndPoint, Fingerprint(_one));

        await _probe.ProbeAsync(null, null);
        await _probe.ProbeAsync(null, null);

        Assert.Null(_probe.Fingerprint);
        Assert.Empty(_log.Events);
    }

    private void Serve(X509Certificate2 certificate, SslProtocols version = SslProtocols.None, bool clientCertificateRequired = false) => _options = new SslServerAuthenticationOptions
    {
        ServerCertificate = certificate,
        EnabledSslProtocols = version,
        ClientCertificateRequired = clientCertificateRequired,
        RemoteCertificateValidationCallback = (_, client, _, _) => client is not null || !clientCertificateRequired,
    };

    private async Task ServeAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                using var socket = await _listener.AcceptSocketAsync(_stopping.Token);
                await using var stream = new SslStream(new NetworkStream(socket));
                await stream.AuthenticateAsServerAsync(_options, _stopping.Token);
                _ = await stream.ReadAsync(new byte[1], _stopping.Token);
            }
            catch (Exception error) when (error is AuthenticationException or IOException)
            {
                _log.Refused++;
            }
            catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException or InvalidOperationException)
            {
                return;
            }
        }
    }

    private static string Fingerprint(X509Certificate2 certificate) => Convert.ToHexStringLower(SHA256.HashData(certificate.RawData));

    private static X509Certificate2 SelfSigned(string name)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=" + name, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    private sealed class KeptLog : ILogger<ServedCertificateProbe>
    {
        private readonly ConcurrentQueue<(LogLevel, int)> _events = new();

        public IReadOnlyCollection<(LogLevel Level, int Id)> Events => _events;

        public int Refused { get; set; }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _events.Enqueue((logLevel, eventId.Id));
    }
}
