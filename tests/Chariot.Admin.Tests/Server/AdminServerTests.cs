using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Server;
using Chariot.Admin.Tests.Kit;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Chariot.Admin.Tests.Server;

[Collection(SharedCluster.Name)]
public sealed class AdminServerTests(Cluster cluster)
{
    private static readonly TlsMaterial First = Material();
    private static readonly TlsMaterial Second = Material();

    [Fact]
    public async Task Https_OpensReplacesAndCloses_WhileHttpGoesOn()
    {
        await using var host = await Host.StartOwnAsync(cluster);
        var http = host.Server.HttpEndPoint;
        Assert.Null(host.Server.HttpsEndPoint);
        await ApplyAsync(host, First);
        var https = host.Server.HttpsEndPoint!;
        Assert.Equal(First.Certificate.Thumbprint, await ServedAsync(https));

        using var kept = HttpsClient(host, https);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(kept, "healthz"));
        await ApplyAsync(host, Second);
        Assert.Equal(https, host.Server.HttpsEndPoint);
        Assert.Equal(Second.Certificate.Thumbprint, await ServedAsync(https));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(kept, "healthz"));

        await ApplyAsync(host, null);
        Assert.Null(host.Server.HttpsEndPoint);
        await Assert.ThrowsAnyAsync<SocketException>(() => ServedAsync(https));
        Assert.Equal(http, host.Server.HttpEndPoint);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host.Nobody, "healthz"));
    }

    [Fact]
    public async Task ClosingHttps_LetsARequestInFlightFinish()
    {
        await using var host = await Host.StartOwnAsync(cluster);
        var began = new TaskCompletionSource();
        var goOn = new TaskCompletionSource();
        host.App.MapGet("/slow", async () =>
        {
            began.SetResult();
            await goOn.Task;
            return "done";
        });
        await ApplyAsync(host, First);
        var https = host.Server.HttpsEndPoint!;
        using var client = HttpsClient(host, https);
        var answer = client.GetStringAsync("slow");
        await began.Task.WaitAsync(TimeSpan.FromSeconds(10));

        // Answers while the request is still there: the change must not wait for it.
        await ApplyAsync(host, null).AsTask().WaitAsync(TimeSpan.FromSeconds(3));
        await Assert.ThrowsAnyAsync<SocketException>(() => ServedAsync(https));
        goOn.SetResult();
        Assert.Equal("done", await answer);
    }

    [Fact]
    public async Task DeleteSsl_OverTheHttpsConnectionThatItCloses_IsAnswered()
    {
        await using var host = await Host.StartOwnAsync(cluster);
        await ApplyAsync(host, First);
        host.Configuration.Push = _ => ApplyAsync(host, null).AsTask();
        using var client = HttpsClient(host, host.Server.HttpsEndPoint!, await host.AdministratorTokenAsync());
        using var response = await client.DeleteAsync("api/v1/ssl");
        await response.OkAsync(HttpStatusCode.NoContent);
        Assert.Null(host.Server.HttpsEndPoint);
    }

    [Fact]
    public async Task DeleteSsl_ThatWaitsLongerThanConnectionsAreLeft_IsAnsweredAllTheSame()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var host = await Host.StartOwnAsync(cluster, services => services.AddSingleton<TimeProvider>(time));
        await ApplyAsync(host, First);
        host.Configuration.Push = async _ =>
        {
            await ApplyAsync(host, null);
            // Another node takes its time to answer.
            time.Advance(TimeSpan.FromSeconds(6));
        };
        using var client = HttpsClient(host, host.Server.HttpsEndPoint!, await host.AdministratorTokenAsync());
        using var response = await client.DeleteAsync("api/v1/ssl");
        await response.OkAsync(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task ClosingHttps_CutsWhatIsLeftAfterFiveSeconds()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var host = await Host.StartOwnAsync(cluster, services => services.AddSingleton<TimeProvider>(time));
        var began = new TaskCompletionSource();
        var ended = new TaskCompletionSource();
        host.App.MapGet("/stuck", async (HttpContext context) =>
        {
            began.SetResult();
            context.RequestAborted.Register(ended.SetResult);
            await ended.Task;
        });
        await ApplyAsync(host, First);
        using var client = HttpsClient(host, host.Server.HttpsEndPoint!);
        var answer = client.GetAsync("stuck");
        await began.Task.WaitAsync(TimeSpan.FromSeconds(10));
        await ApplyAsync(host, null);
        Assert.False(ended.Task.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(5));
        await ended.Task.WaitAsync(TimeSpan.FromSeconds(10));
        await Assert.ThrowsAsync<HttpRequestException>(() => answer);
    }

    [Fact]
    public async Task Https_OpensAgainAfterItWasClosed()
    {
        await using var host = await Host.StartOwnAsync(cluster);
        for (var i = 0; i < 3; i++)
        {
            await ApplyAsync(host, First);
            Assert.Equal(First.Certificate.Thumbprint, await ServedAsync(host.Server.HttpsEndPoint!));
            await ApplyAsync(host, null);
        }
    }

    [Fact]
    public async Task Prepare_OfATakenPort_NamesPortAndCause_AndChangesNothing()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        await using var host = await Host.StartOwnAsync(cluster, null, "Chariot:Admin:HttpsPort", port.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Assert.Equal($"HTTPS port {port}: address already in use", await host.Server.PrepareTlsAsync(First, CancellationToken.None));
        var e = await Assert.ThrowsAsync<IOException>(async () => await ApplyAsync(host, First));
        Assert.Equal($"HTTPS port {port}: address already in use", e.Message);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host.Nobody, "healthz"));

        taken.Stop();
        Assert.Null(await host.Server.PrepareTlsAsync(First, CancellationToken.None));
        await ApplyAsync(host, First);
        Assert.Equal(port, host.Server.HttpsEndPoint!.Port);
    }

    [Fact]
    public async Task Prepare_HoldsThePortWithoutListening_UntilAbandoned()
    {
        var port = FreePort();
        await using var host = await Host.StartOwnAsync(cluster, null, "Chariot:Admin:HttpsPort", port.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Assert.Null(await host.Server.PrepareTlsAsync(First, CancellationToken.None));
        await Assert.ThrowsAnyAsync<SocketException>(() => ServedAsync(new IPEndPoint(IPAddress.Loopback, port)));
        Assert.Null(host.Server.HttpsEndPoint);
        await host.Server.AbandonTlsAsync();
        using var free = new TcpListener(IPAddress.Loopback, port);
        free.Start();
    }

    [Fact]
    public async Task Redirect_SendsHttpToHttps_AndRevertsWithoutSsl()
    {
        await using var host = await Host.StartOwnAsync(cluster);
        await ApplyAsync(host, First, "redirect");
        using (var response = await host.Nobody.GetAsync("api/v1/nodes?x=1"))
        {
            Assert.Equal(HttpStatusCode.TemporaryRedirect, response.StatusCode);
            Assert.Equal($"https://127.0.0.1:{host.Server.HttpsEndPoint!.Port}/api/v1/nodes?x=1", response.Headers.Location!.ToString());
        }

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host.Nobody, "healthz"));
        await ApplyAsync(host, null, "redirect");
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(host.Nobody, "api/v1/nodes"));
    }

    [Fact]
    public async Task Off_ClosesHttp_AndDeleteSslOpensItAgain()
    {
        await using var host = await Host.StartOwnAsync(cluster);
        var http = host.Server.HttpEndPoint!;
        await ApplyAsync(host, First, "off");
        Assert.Null(host.Server.HttpEndPoint);
        using (var fresh = host.Client(null, new Uri($"http://{http}/")))
        {
            await Assert.ThrowsAsync<HttpRequestException>(() => fresh.GetAsync("healthz"));
        }

        await ApplyAsync(host, null, "off");
        Assert.Equal(http, host.Server.HttpEndPoint);
        using var again = host.Client(null, new Uri($"http://{http}/"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(again, "healthz"));
    }

    [Fact]
    public async Task TakenHttpPort_IsAConfigurationError_ThatNamesTheKey()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        var e = await Assert.ThrowsAsync<IOException>(
            () => Host.StartOwnAsync(cluster, null, "Chariot:Admin:HttpPort", port.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        Assert.Contains($"{port}", e.Message);
        Assert.Contains("Chariot:Admin:HttpPort", e.Message);
    }

    private static ValueTask ApplyAsync(Host host, TlsMaterial? tls, string adminHttp = "open") => host.Server.ApplyAsync(
        new ConfigurationChange(new BrokerConfiguration { Revision = 2, Admin = new AdminSettings { AdminHttp = adminHttp } }, [], tls), CancellationToken.None);

    private static async Task<HttpStatusCode> StatusAsync(HttpClient client, string address)
    {
        using var response = await client.GetAsync(address);
        return response.StatusCode;
    }

    private static HttpClient HttpsClient(Host host, IPEndPoint https, string? token = null) => host.Client(token, new Uri($"https://{https}/"), new SocketsHttpHandler
    {
        SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = IsOurs },
    });

    // The test certificates are made here and signed by nobody; nothing else is to be trusted.
    private static bool IsOurs(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors) =>
        certificate?.GetCertHashString() == First.Certificate.Thumbprint || certificate?.GetCertHashString() == Second.Certificate.Thumbprint;

    private static async Task<string> ServedAsync(IPEndPoint endPoint)
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(endPoint);
        await using var ssl = new SslStream(tcp.GetStream(), false, IsOurs);
        await ssl.AuthenticateAsClientAsync("localhost");
        return ssl.RemoteCertificate!.GetCertHashString();
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    private static TlsMaterial Material()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddDays(1));
        return new TlsMaterial(
            Guid.NewGuid().ToString("N"),
            certificate.GetCertHashString(HashAlgorithmName.SHA256),
            SslStreamCertificateContext.Create(certificate, null, offline: true),
            certificate);
    }
}
