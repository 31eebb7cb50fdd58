using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using Chariot.Abstractions.Accounts;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Stores;
using Chariot.Admin.Accounts;
using Chariot.Admin.Server;
using Chariot.Admin.Ssl;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Chariot.Admin.Tests.Kit;

/// <summary>An admin host on a free loopback port, with real HTTP and fakes behind it.</summary>
internal sealed class Host : IAsyncDisposable
{
    private readonly Cluster? _pool;

    private Host(WebApplication app, FakeConfigurationGrain configuration, Cluster? pool) => (App, Configuration, _pool) = (app, configuration, pool);

    public WebApplication App { get; }

    public FakeConfigurationGrain Configuration { get; }

    public AdminServer Server => App.Services.GetRequiredService<AdminServer>();

    public FakeAuditLog Audit => (FakeAuditLog)App.Services.GetRequiredService<IAuditLog>();

    public FakeEdgeLinks Edges => (FakeEdgeLinks)App.Services.GetRequiredService<IEdgeLinks>();

    public IAccountsGrain Accounts => App.Services.GetRequiredService<AdminGrains>().Accounts;

    public CapturedLog Log => App.Services.GetRequiredService<CapturedLog>();

    public HttpClient Administrator { get; private set; } = null!;

    public HttpClient Viewer { get; private set; } = null!;

    public HttpClient Nobody { get; private set; } = null!;

    /// <summary>
    /// A host with nothing left of the test before. It may be one that was used: building fifty routes takes longer than most
    /// tests.
    /// </summary>
    public static async Task<Host> StartAsync(Cluster cluster)
    {
        var host = cluster.Idle.TryPop(out var idle) ? idle : await BuildAsync(cluster, cluster, null, []);
        await host.ResetAsync();
        return host;
    }

    /// <summary>A host of the test's own, for tests that change what cannot be taken back.</summary>
    public static async Task<Host> StartOwnAsync(Cluster cluster, Action<IServiceCollection>? more = null, params string[] settings)
    {
        var host = await BuildAsync(cluster, null, more, settings);
        await host.ResetAsync();
        return host;
    }

    private static async Task<Host> BuildAsync(Cluster cluster, Cluster? pool, Action<IServiceCollection>? more, string[] settings)
    {
        var configuration = new FakeConfigurationGrain();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration["Chariot:Admin:HttpPort"] = "0";
        builder.Configuration["Chariot:Admin:HttpsPort"] = "0";
        // Tests ask as fast as they can.
        builder.Configuration["Chariot:Admin:RequestsPerSecond"] = "0";
        foreach (var pair in settings.Chunk(2))
        {
            builder.Configuration[pair[0]] = pair[1];
        }

        builder.Logging.ClearProviders().SetMinimumLevel(LogLevel.Trace);
        var log = new CapturedLog();
        builder.Logging.AddProvider(log);
        builder.Services.AddSingleton(log);
        builder.Services.AddSingleton(FakeGrainFactory.Create(cluster.Grains, configuration));
        builder.Services.AddSingleton<IGrainStateIndex>(new FakeStateIndex(configuration));
        builder.Services.AddSingleton<IAuditLog, FakeAuditLog>();
        builder.Services.AddSingleton<ISecretSealer, FakeSealer>();
        builder.Services.AddSingleton<IEdgeLinks, FakeEdgeLinks>();
        builder.Services.AddChariotAdmin(builder.Configuration);
        builder.Services.AddSingleton<ICertificateBundleValidator, FakeValidator>();
        more?.Invoke(builder.Services);
        var app = builder.Build();
        app.MapChariotAdmin();
        try
        {
            await app.StartAsync();
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }

        return new Host(app, configuration, pool);
    }

    private async Task ResetAsync()
    {
        Configuration.Reset();
        ((FakeGrainFactory)App.Services.GetRequiredService<IGrainFactory>()).Reset();
        Audit.Reset();
        Edges.Links.Clear();
        Log.Clear();
        Administrator = Client(await TokenAsync(Accounts, AccountRole.Administrator));
        Viewer = Client(await TokenAsync(Accounts, AccountRole.Viewer));
        Nobody = Client(null);
    }

    public HttpClient Client(string? token, Uri? address = null, HttpMessageHandler? handler = null)
    {
        var client = new HttpClient(handler ?? new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(1) })
        {
            BaseAddress = address ?? new Uri($"http://{Server.HttpEndPoint}/"),
            Timeout = TimeSpan.FromSeconds(20),
        };
        if (token is not null)
        {
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        return client;
    }

    /// <summary>A token of its own, for clients with another address.</summary>
    public Task<string> AdministratorTokenAsync() => TokenAsync(Accounts, AccountRole.Administrator);

    public async ValueTask DisposeAsync()
    {
        Administrator.Dispose();
        Viewer.Dispose();
        Nobody.Dispose();
        if (_pool is not null)
        {
            _pool.Idle.Push(this);
            return;
        }

        await App.DisposeAsync();
    }

    private static async Task<string> TokenAsync(IAccountsGrain accounts, AccountRole role)
    {
        var token = Tokens.Create();
        var now = DateTimeOffset.UtcNow;
        await accounts.CreateTokenAsync(
            new ApiToken(RandomNumberGenerator.GetHexString(16), "test-" + role, role, now, now.AddHours(1), now), Tokens.Hash(token));
        return token;
    }
}

/// <summary>All that was logged, formatted, to search for what must not be there.</summary>
internal sealed class CapturedLog : ILoggerProvider, ILogger
{
    private readonly System.Collections.Concurrent.ConcurrentQueue<string> _lines = new();

    public void Clear() => _lines.Clear();

    public string Text => string.Join('\n', _lines);

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _lines.Enqueue($"{logLevel} {eventId.Id} {formatter(state, exception)} {exception}");

    public void Dispose()
    {
    }
}

internal static class Http
{
    public static async Task<JsonElement> JsonAsync(this HttpResponseMessage response) => await response.Content.ReadFromJsonAsync<JsonElement>();

    /// <summary>Checks status and code of a problem, and that it has the documented form.</summary>
    public static async Task<JsonElement> ProblemAsync(this HttpResponseMessage response, HttpStatusCode status, string code)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(status == response.StatusCode, $"{(int)response.StatusCode}: {text}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        var body = JsonDocument.Parse(text).RootElement;
        Assert.Equal("urn:chariot:error:" + code, body.GetProperty("type").GetString());
        Assert.Equal((int)status, body.GetProperty("status").GetInt32());
        Assert.NotEqual("", body.GetProperty("detail").GetString());
        Assert.DoesNotContain("   at ", text);
        Assert.DoesNotContain("Exception", text);
        return body;
    }

    public static async Task<JsonElement> OkAsync(this HttpResponseMessage response, HttpStatusCode status = HttpStatusCode.OK)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(status == response.StatusCode, $"{(int)response.StatusCode}: {text}");
        return text.Length == 0 ? default : JsonDocument.Parse(text).RootElement;
    }
}
