using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Chariot.Server.Commands;

/// <summary>The admin API of a broker, seen from outside. A server that does not answer is a <see cref="UsageException"/>.</summary>
internal sealed class AdminApi : IDisposable
{
    /// <summary>Seconds. A change is answered when every node acts on it, which the server bounds well below this.</summary>
    private const int TimeoutSeconds = 60;

    /// <summary>Seconds; for a whole configuration at once, which the server bounds to five minutes.</summary>
    private const int LongTimeoutSeconds = 330;

    private readonly HttpClient _http;
    private readonly X509Certificate2Collection _roots = [];
    private bool _signedIn;

    /// <param name="rootFile">PEM file with the only roots that are trusted; null for those of the system.</param>
    public AdminApi(Uri server, string? rootFile)
    {
        var handler = new SocketsHttpHandler
        {
            // A token follows no redirect, and a proxy has no business with this machine itself.
            AllowAutoRedirect = false,
            UseProxy = !server.IsLoopback,
        };
        if (rootFile is not null)
        {
            handler.SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = Trust(rootFile) };
        }

        Server = new Uri(server.GetLeftPart(UriPartial.Path).TrimEnd('/') + "/");
        _http = new HttpClient(handler) { BaseAddress = new Uri(Server, "api/v1/"), Timeout = Timeout.InfiniteTimeSpan };
        // Where the API could answer otherwise: a certificate request comes with its findings.
        _http.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
    }

    public Uri Server { get; }

    public void UseToken(string token)
    {
        if (!token.All(character => character is > ' ' and < '\x7F'))
        {
            throw new UsageException("The token holds characters that no token has.");
        }

        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    /// <summary>Null when signed in, else the refusal.</summary>
    public async Task<ApiAnswer?> LoginAsync(string username, string password, CancellationToken cancellationToken)
    {
        var answer = await SendAsync(HttpMethod.Post, "login", Json(new JsonObject { ["username"] = username, ["password"] = password }), null, cancellationToken);
        if (!answer.Succeeded)
        {
            return answer;
        }

        UseToken(answer.Body.Text("accessToken") ?? throw NotChariot());
        _signedIn = true;
        return null;
    }

    /// <summary>Ends the session of <see cref="LoginAsync"/>; a token that was given stays good. Returns what went wrong.</summary>
    public async Task<string?> LogoutAsync(CancellationToken cancellationToken)
    {
        if (!_signedIn)
        {
            return null;
        }

        try
        {
            var answer = await SendAsync(HttpMethod.Post, "logout", null, null, cancellationToken);
            // A restore may have ended it already, together with the account.
            return answer.Succeeded || answer.Status == HttpStatusCode.Unauthorized ? null : answer.Sentence();
        }
        catch (UsageException error)
        {
            return error.Message;
        }
    }

    public Task<ApiAnswer> GetAsync(string path, CancellationToken cancellationToken) => SendAsync(HttpMethod.Get, path, null, null, cancellationToken);

    /// <summary>All pages of a list as one: <c>{items, nextCursor: null}</c> and the further fields of the last page.</summary>
    public async Task<ApiAnswer> GetPagesAsync(string path, CancellationToken cancellationToken)
    {
        var items = new JsonArray();
        string? cursor = null;
        do
        {
            var answer = await GetAsync($"{path}?limit=500{(cursor is null ? "" : "&cursor=" + Uri.EscapeDataString(cursor))}", cancellationToken);
            if (!answer.Succeeded)
            {
                return answer;
            }

            foreach (var item in answer.Body.Items("items"))
            {
                items.Add(item?.DeepClone());
            }

            cursor = answer.Body.Text("nextCursor");
            if (cursor is null)
            {
                var whole = answer.Body as JsonObject ?? throw NotChariot();
                whole["items"] = items;
                return answer;
            }
        }
        while (true);
    }

    public Task<ApiAnswer> PostAsync(string path, JsonNode body, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, path, Json(body), null, cancellationToken);

    public Task<ApiAnswer> PutAsync(string path, JsonNode body, string? entityTag, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Put, path, Json(body), entityTag, cancellationToken);

    public Task<ApiAnswer> DeleteAsync(string path, CancellationToken cancellationToken) => SendAsync(HttpMethod.Delete, path, null, null, cancellationToken);

    /// <param name="content">Disposed here.</param>
    /// <param name="entityTag">Sent as If-Match: the change is refused when somebody else was faster.</param>
    public Task<ApiAnswer> SendAsync(HttpMethod method, string path, HttpContent? content, string? entityTag, CancellationToken cancellationToken) =>
        SendAsync(method, path, content, entityTag, TimeoutSeconds, AnswerAsync, cancellationToken);

    /// <summary>As <see cref="SendAsync(HttpMethod, string, HttpContent?, string?, CancellationToken)"/>, for changes that take minutes.</summary>
    public Task<ApiAnswer> SendLongAsync(HttpMethod method, string path, HttpContent? content, CancellationToken cancellationToken) =>
        SendAsync(method, path, content, null, LongTimeoutSeconds, AnswerAsync, cancellationToken);

    /// <summary>A call that is answered with a file, which is null when it is refused.</summary>
    /// <param name="header">Whose value comes along.</param>
    public Task<(ApiAnswer Answer, byte[]? File, string Header)> DownloadAsync(string path, JsonNode body, string header, CancellationToken cancellationToken) =>
        SendAsync<(ApiAnswer, byte[]?, string)>(HttpMethod.Post, path, Json(body), null, LongTimeoutSeconds, async (response, stop) => response.IsSuccessStatusCode
            ? (new ApiAnswer(response.StatusCode, null), await response.Content.ReadAsByteArrayAsync(stop), response.Headers.TryGetValues(header, out var values) ? string.Join(",", values) : "")
            : (await AnswerAsync(response, stop), null, ""), cancellationToken);

    private async Task<ApiAnswer> AnswerAsync(HttpResponseMessage response, CancellationToken cancellationToken) =>
        new(response.StatusCode, await ReadAsync(response, cancellationToken), response.Headers.ETag?.ToString());

    private async Task<T> SendAsync<T>(
        HttpMethod method, string path, HttpContent? content, string? entityTag, int seconds, Func<HttpResponseMessage, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(seconds));
        using var request = new HttpRequestMessage(method, path) { Content = content };
        if (entityTag is not null)
        {
            request.Headers.TryAddWithoutValidation("If-Match", entityTag);
        }

        try
        {
            using var response = await _http.SendAsync(request, patience.Token);
            if ((int)response.StatusCode is >= 300 and < 400)
            {
                throw new UsageException($"{Server} redirects to {response.Headers.Location}; give that server with --server.");
            }

            return await read(response, patience.Token);
        }
        catch (HttpRequestException error)
        {
            throw new UsageException($"{Server} cannot be reached: {Cause(error)}", error);
        }
        catch (OperationCanceledException error) when (!cancellationToken.IsCancellationRequested)
        {
            throw new UsageException($"{Server} did not answer within {seconds} s. Look whether the change was made before you repeat it.", error);
        }
    }

    public void Dispose()
    {
        _http.Dispose();
        foreach (var root in _roots)
        {
            root.Dispose();
        }
    }

    private async Task<JsonNode?> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var bytes = await response.Content.ReadAsByteArrayAsync(cancellationToken);
        if (bytes.Length == 0)
        {
            return null;
        }

        try
        {
            return JsonNode.Parse(bytes);
        }
        catch (JsonException) when (!response.IsSuccessStatusCode)
        {
            // Something in between refused; its status says enough.
            return null;
        }
        catch (JsonException error)
        {
            throw NotChariot(error);
        }
    }

    private X509ChainPolicy Trust(string rootFile)
    {
        try
        {
            _roots.ImportFromPemFile(rootFile);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new UsageException($"{rootFile} cannot be read as certificates: {error.Message}", error);
        }

        if (_roots.Count == 0)
        {
            throw new UsageException($"{rootFile} holds no certificate.");
        }

        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(_roots);
        return policy;
    }

    private static StringContent Json(JsonNode body) => new(body.ToJsonString(), Encoding.UTF8, "application/json");

    private static string Cause(HttpRequestException error) => error.InnerException is AuthenticationException tls
        ? $"{tls.Message.TrimEnd('.')}. Name the root certificate to trust with --cafile."
        : error.Message;

    private UsageException NotChariot(Exception? cause = null) => new($"{Server} answers, but not as the admin API of Chariot does.", cause);
}
