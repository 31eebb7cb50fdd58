using System.Security.Cryptography.X509Certificates;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;
using Chariot.TestKit.Mqtt;

namespace Chariot.Ui.Tests.Ssl;

/// <summary>A broker with SSL set up, for the tests of a class.</summary>
public sealed class TlsBroker : IAsyncLifetime, IDisposable
{
    public const string Viewer = "vera";
    public const string ViewerPassword = "only looking here";

    private static readonly string[] Everything = ["#"];

    private readonly TestCertificates _server = new();
    private BrokerProcess? _process;

    public BrokerProcess Process => _process ?? throw new InvalidOperationException("not started");

    public AdminClient Admin => Process.Admin;

    public async Task InitializeAsync()
    {
        _process = await BrokerProcess.StartAsync();
        (await Admin.PutSslAsync(_server.KeyPkcs8Pem, _server.ServerPem, _server.ChainPem)).EnsureSuccess();
        (await Admin.PostAsync("accounts", new { username = Viewer, password = ViewerPassword, role = "viewer" })).EnsureSuccess();
        (await Admin.PostAsync("credentials", new { username = "press", publishAcl = Everything, subscribeAcl = Everything })).EnsureSuccess();
        (await Admin.PostAsync("credentials", new { username = "drill", publishAcl = Everything, subscribeAcl = Everything })).EnsureSuccess();
    }

    /// <summary>A required certificate, this CA or none, and this mapping only.</summary>
    public async Task ResetAsync(TestClientAuthority? authority, params object[] mappings)
    {
        (await Admin.ChangeMqttSettingsAsync(settings => settings["clientCertificates"] = "required")).EnsureSuccess();
        (await Admin.PutAsync("client-certificates/mapping", mappings)).EnsureSuccess();
        (authority is null ? await Admin.DeleteAsync("client-ca") : await Admin.PutFileAsync("client-ca", authority.PemBytes, "clients.pem")).EnsureSuccess();
    }

    /// <summary>Over TLS with a certificate, and neither username nor password.</summary>
    public Task<RawMqttClient> ConnectAsync(string clientId, X509Certificate2 certificate) =>
        RawMqttClient.ConnectAsync(Process.Ports.Mqtts, new ConnectPacket { ClientId = clientId }, _server.Root, TestClientAuthority.Present(certificate));

    public async Task DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }
    }

    public void Dispose() => _server.Dispose();
}
