using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;

namespace Chariot.TestKit.Broker;

/// <summary>The admin API with a bearer token, as any script would use it.</summary>
public sealed class AdminClient : IDisposable
{
    private readonly HttpClient _http;
    private readonly string _username;
    private readonly string _password;
    private readonly SemaphoreSlim _loginGate = new(1, 1);
    private bool _signedIn;

    /// <summary>Plain HTTP; HTTPS with host name check when <paramref name="trustedRoot"/> is given.</summary>
    public AdminClient(int port, string password, string username = "admin", X509Certificate2? trustedRoot = null)
    {
        _username = username;
        _password = password;
        var handler = new SocketsHttpHandler();
        if (trustedRoot is not null)
        {
            handler.SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = new X509ChainPolicy
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    CustomTrustStore = { trustedRoot },
                    RevocationMode = X509RevocationMode.NoCheck,
                    DisableCertificateDownloads = true,
                },
            };
        }

        _http = new HttpClient(handler)
        {
            BaseAddress = new Uri($"{(trustedRoot is null ? "http" : "https")}://localhost:{port}/"),
            Timeout = TimeSpan.FromSeconds(40),
        };
    }

    /// <summary>POST /login. Throws on refusal.</summary>
    public async Task LoginAsync()
    {
        var answer = (await TryLoginAsync()).EnsureSuccess();
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", (string)answer.Body!["accessToken"]!);
        _signedIn = true;
    }

    /// <summary>POST /login, whatever the answer; does not keep the token.</summary>
    public Task<AdminAnswer> TryLoginAsync() =>
        CallAsync(HttpMethod.Post, "api/v1/login", JsonContent.Create(new { username = _username, password = _password }));

    public Task<AdminAnswer> GetAsync(string path) => SendAsync(HttpMethod.Get, path);

    public Task<AdminAnswer> PostAsync(string path, object? body = null) => SendAsync(HttpMethod.Post, path, body);

    public Task<AdminAnswer> PutAsync(string path, object body) => SendAsync(HttpMethod.Put, path, body);

    public Task<AdminAnswer> DeleteAsync(string path) => SendAsync(HttpMethod.Delete, path);

    /// <summary>A call below /api/v1, signed in; <paramref name="body"/> becomes JSON.</summary>
    public async Task<AdminAnswer> SendAsync(HttpMethod method, string path, object? body = null)
    {
        await EnsureSignedInAsync();
        return await CallAsync(method, "api/v1/" + path, body is null ? null : JsonContent.Create(body));
    }

    /// <summary>A call at the root, without a token: <c>healthz</c>.</summary>
    public Task<AdminAnswer> GetRootAsync(string path) => CallAsync(HttpMethod.Get, path, null);

    /// <summary>Changes some MQTT settings and leaves the others as they are.</summary>
    public async Task<AdminAnswer> ChangeMqttSettingsAsync(Action<JsonObject> change)
    {
        var settings = (JsonObject)(await GetAsync("settings/mqtt")).EnsureSuccess().Body!;
        change(settings);
        return await PutAsync("settings/mqtt", settings);
    }

    public async Task SetAnonymousAsync(bool allowed, string? credential = null) =>
        (await ChangeMqttSettingsAsync(settings =>
        {
            settings["allowAnonymous"] = allowed;
            settings["anonymousCredential"] = credential;
        })).EnsureSuccess();

    public async Task CreateCredentialAsync(string username, string password, string[] publishAcl, string[] subscribeAcl, bool enabled = true) =>
        (await PostAsync("credentials", new { username, password, publishAcl, subscribeAcl, enabled })).EnsureSuccess();

    /// <summary>Replaces the ACLs and keeps the password. Returns when the broker acts on it.</summary>
    public async Task SetAclAsync(string username, string[] publishAcl, string[] subscribeAcl, bool enabled = true) =>
        (await PutAsync("credentials/" + Uri.EscapeDataString(username), new { username, publishAcl, subscribeAcl, enabled })).EnsureSuccess();

    /// <summary>PUT /ssl: set up, or replace in place; without a key, with the one that was generated on the server.</summary>
    /// <param name="expectedRevision">Sent as If-Match.</param>
    /// <param name="passphrase">Of an encrypted key.</param>
    public Task<AdminAnswer> PutSslAsync(string? privateKey, string? serverCertificate, string? caChain, long? expectedRevision = null, string? passphrase = null) =>
        SendSslAsync(HttpMethod.Put, "ssl", privateKey, serverCertificate, caChain, passphrase, expectedRevision);

    public Task<AdminAnswer> ValidateSslAsync(string? privateKey, string? serverCertificate, string? caChain, string? passphrase = null) =>
        SendSslAsync(HttpMethod.Post, "ssl/validate", privateKey, serverCertificate, caChain, passphrase);

    /// <summary>PUT /ssl/files/… : stages one of <c>private-key</c>, <c>server-certificate</c>, <c>ca-chain</c>.</summary>
    public async Task<AdminAnswer> StageAsync(string slot, string pem, string fileName, string? passphrase = null)
    {
        await EnsureSignedInAsync();
        using var form = new MultipartFormDataContent();
        AddFile(form, "file", pem, fileName);
        AddPassphrase(form, passphrase);
        return await CallAsync(HttpMethod.Put, "api/v1/ssl/files/" + slot, form);
    }

    /// <summary>PUT of one file, as multipart part <c>file</c>.</summary>
    public async Task<AdminAnswer> PutFileAsync(string path, byte[] content, string fileName)
    {
        await EnsureSignedInAsync();
        using var form = new MultipartFormDataContent();
        AddFile(form, "file", content, fileName);
        return await CallAsync(HttpMethod.Put, "api/v1/" + path, form);
    }

    public void Dispose()
    {
        _http.Dispose();
        _loginGate.Dispose();
    }

    private async Task<AdminAnswer> SendSslAsync(HttpMethod method, string path, string? privateKey, string? serverCertificate, string? caChain, string? passphrase, long? expectedRevision = null)
    {
        await EnsureSignedInAsync();
        using var form = new MultipartFormDataContent();
        AddPassphrase(form, passphrase);
        foreach (var (name, content, fileName) in new[] { ("privateKey", privateKey, "server.key"), ("serverCertificate", serverCertificate, "server.crt"), ("caChain", caChain, "chain.crt") })
        {
            if (content is not null)
            {
                AddFile(form, name, content, fileName);
            }
        }

        return await CallAsync(method, "api/v1/" + path, form, expectedRevision);
    }

    private static void AddPassphrase(MultipartFormDataContent form, string? passphrase)
    {
        if (passphrase is not null)
        {
            form.Add(new StringContent(passphrase), "passphrase");
        }
    }

    // Latin-1, so that a test can send any bytes.
    private static void AddFile(MultipartFormDataContent form, string name, string pem, string fileName) =>
        AddFile(form, name, System.Text.Encoding.Latin1.GetBytes(pem), fileName);

    private static void AddFile(MultipartFormDataContent form, string name, byte[] bytes, string fileName)
    {
        var content = new ByteArrayContent(bytes);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        form.Add(content, name, fileName);
    }

    private async Task EnsureSignedInAsync()
    {
        if (_signedIn)
        {
            return;
        }

        await _loginGate.WaitAsync();
        try
        {
            if (!_signedIn)
            {
                await LoginAsync();
            }
        }
        finally
        {
            _loginGate.Release();
        }
    }

    /// <summary>Waits and asks again when it asked too often, as any script should; a body is in memory and can be sent twice.</summary>
    private async Task<AdminAnswer> CallAsync(HttpMethod method, string path, HttpContent? content, long? expectedRevision = null)
    {
        for (; ; )
        {
            var (answer, wait) = await CallOnceAsync(method, path, content, expectedRevision);
            if (answer.Problem != "too-many-requests" || wait is null)
            {
                return answer;
            }

            await Task.Delay(wait.Value);
        }
    }

    private async Task<(AdminAnswer Answer, TimeSpan? RetryAfter)> CallOnceAsync(HttpMethod method, string path, HttpContent? content, long? expectedRevision)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        if (expectedRevision is { } revision)
        {
            request.Headers.Add("If-Match", $"\"{revision}\"");
        }

        // As curl does: a body that is refused by its length is not sent into a connection that is being closed.
        request.Headers.ExpectContinue = content?.Headers.ContentLength > 1 << 20;
        using var response = await _http.SendAsync(request);
        // It is the caller's, and may be sent once more.
        request.Content = null;
        var text = await response.Content.ReadAsStringAsync();
        var isJson = response.Content.Headers.ContentType?.MediaType is { } type && type.EndsWith("json", StringComparison.Ordinal);
        return (new AdminAnswer(response.StatusCode, isJson && text.Length > 0 ? JsonNode.Parse(text) : null, text), response.Headers.RetryAfter?.Delta);
    }
}
