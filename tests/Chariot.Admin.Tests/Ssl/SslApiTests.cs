using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Ssl;
using Chariot.Admin.Tests.Kit;
using Microsoft.Extensions.DependencyInjection;

namespace Chariot.Admin.Tests.Ssl;

[Collection(SharedCluster.Name)]
public sealed class SslApiTests(Cluster cluster)
{
    private const string Key = "-----CANARY-PRIVATE-KEY-5f0c1d-----";

    [Fact]
    public async Task StagedFiles_AreSealed_ShownAndSetUp()
    {
        await using var host = await Host.StartAsync(cluster);
        var answers = new StringBuilder();
        Assert.Equal("NotSetup", await StateAsync(host, answers));
        foreach (var (slot, content) in new[] { ("private-key", Key), ("server-certificate", "leaf"), ("ca-chain", "chain") })
        {
            using var staged = await host.Administrator.PutAsync("api/v1/ssl/files/" + slot, File("file", content, slot + ".pem"));
            answers.Append(await staged.OkAsync());
        }

        Assert.Equal("Staged", await StateAsync(host, answers));
        Assert.DoesNotContain(Key, Encoding.UTF8.GetString(host.Configuration.Staged[SslFile.PrivateKey].Content.Ciphertext));
        using (var setup = await host.Administrator.PostAsync("api/v1/ssl/setup", null))
        {
            var body = await setup.OkAsync();
            answers.Append(body);
            Assert.Equal("Setup", body.GetProperty("state").GetString());
            Assert.Equal("private-key.pem", body.GetProperty("files").GetProperty("privateKey").GetProperty("fileName").GetString());
            Assert.Equal("CN=mqtt.example", body.GetProperty("certificate").GetProperty("subject").GetString());
            Assert.Equal("active", body.GetProperty("nodes")[0].GetProperty("status").GetString());
        }

        var stored = Assert.Single(host.Configuration.SetUp);
        using (var opened = host.App.Services.GetRequiredService<ISecretSealer>().Open(stored.PrivateKey, stored.SetupId))
        {
            Assert.Equal(Key, Encoding.UTF8.GetString(opened.Bytes));
        }

        Assert.Equal("Setup", await StateAsync(host, answers));
        foreach (var text in new[] { answers.ToString(), host.Log.Text, JsonSerializer.Serialize(host.Audit.Entries) })
        {
            Assert.DoesNotContain("CANARY", text);
            Assert.DoesNotContain(Convert.ToBase64String(Encoding.UTF8.GetBytes(Key))[..16], text);
            Assert.DoesNotContain("iphertext", text);
        }
    }

    [Fact]
    public async Task Setup_WithMissingFiles_NamesAllOfThem()
    {
        await using var host = await Host.StartAsync(cluster);
        using (var staged = await host.Administrator.PutAsync("api/v1/ssl/files/private-key", File("file", Key)))
        {
            await staged.OkAsync();
        }

        using var response = await host.Administrator.PostAsync("api/v1/ssl/setup", null);
        var problem = await response.ProblemAsync(HttpStatusCode.BadRequest, "tls-bundle-invalid");
        Assert.Equal(["serverCertificate", "caChain"], problem.GetProperty("findings").EnumerateArray().Select(f => f.GetProperty("file").GetString()));
    }

    [Fact]
    public async Task BadFile_IsNotStaged()
    {
        await using var host = await Host.StartAsync(cluster);
        using var response = await host.Administrator.PutAsync("api/v1/ssl/files/ca-chain", File("file", "bad"));
        var problem = await response.ProblemAsync(HttpStatusCode.BadRequest, "tls-bundle-invalid");
        var finding = problem.GetProperty("findings")[0];
        Assert.Equal("file.not-pem", finding.GetProperty("code").GetString());
        Assert.Equal("error", finding.GetProperty("severity").GetString());
        Assert.Empty(host.Configuration.Staged);
    }

    [Fact]
    public async Task StagedFile_CanBeRemoved()
    {
        await using var host = await Host.StartAsync(cluster);
        using (var staged = await host.Administrator.PutAsync("api/v1/ssl/files/ca-chain", File("file", "chain")))
        {
            await staged.OkAsync();
        }

        using var removed = await host.Administrator.DeleteAsync("api/v1/ssl/files/ca-chain");
        await removed.OkAsync(HttpStatusCode.NoContent);
        Assert.Empty(host.Configuration.Staged);
    }

    [Theory]
    [InlineData("private-key", 64)]
    [InlineData("server-certificate", 64)]
    [InlineData("ca-chain", 256)]
    public async Task Files_AreLimitedInSize(string slot, int kibibytes)
    {
        await using var host = await Host.StartAsync(cluster);
        using (var fits = await host.Administrator.PutAsync("api/v1/ssl/files/" + slot, File("file", new string('a', kibibytes * 1024))))
        {
            await fits.OkAsync();
        }

        using var response = await host.Administrator.PutAsync("api/v1/ssl/files/" + slot, File("file", new string('a', (kibibytes * 1024) + 1)));
        await response.ProblemAsync(HttpStatusCode.RequestEntityTooLarge, "upload-too-large");
    }

    [Fact]
    public async Task UploadThatIsNotMultipart_Is415_AndACutOneIs400()
    {
        await using var host = await Host.StartAsync(cluster);
        using var plain = await host.Administrator.PutAsync("api/v1/ssl/files/private-key", new StringContent(Key));
        await plain.ProblemAsync(HttpStatusCode.UnsupportedMediaType, "unsupported-media-type");

        using var cut = new StringContent("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"k\"\r\n\r\n" + Key);
        cut.Headers.ContentType = MediaTypeHeaderValue.Parse("multipart/form-data; boundary=b");
        using var response = await host.Administrator.PutAsync("api/v1/ssl/files/private-key", cut);
        await response.ProblemAsync(HttpStatusCode.BadRequest, "upload-incomplete");
        Assert.Empty(host.Configuration.Staged);
    }

    [Fact]
    public async Task FileName_IsALabelOnly()
    {
        await using var host = await Host.StartAsync(cluster);
        using var staged = await host.Administrator.PutAsync("api/v1/ssl/files/ca-chain", File("file", "chain", "../../" + new string('x', 5000)));
        var name = (await staged.OkAsync()).GetProperty("fileName").GetString()!;
        Assert.Equal(255, name.Length);
        Assert.DoesNotContain(SslUpload.Label("a\r\nb\0"), char.IsControl);
    }

    [Fact]
    public async Task Put_SetsUpAndReplaces_AndSetupOverItIsRefused()
    {
        await using var host = await Host.StartAsync(cluster);
        for (var i = 0; i < 2; i++)
        {
            using var put = await host.Administrator.PutAsync("api/v1/ssl", Bundle());
            await put.OkAsync();
        }

        Assert.Equal(2, host.Configuration.SetUp.Select(s => s.SetupId).Distinct().Count());
        foreach (var slot in new[] { "private-key", "server-certificate", "ca-chain" })
        {
            using var staged = await host.Administrator.PutAsync("api/v1/ssl/files/" + slot, File("file", "x"));
            await staged.OkAsync();
        }

        using var setup = await host.Administrator.PostAsync("api/v1/ssl/setup", null);
        await setup.ProblemAsync(HttpStatusCode.Conflict, "already-set-up");
        using var replaced = await host.Administrator.PostAsync("api/v1/ssl/setup?replace=true", null);
        await replaced.OkAsync();
        Assert.Equal(3, host.Configuration.SetUp.Select(s => s.SetupId).Distinct().Count());
    }

    [Fact]
    public async Task Setup_ThatANodeCannotServe_NamesNodeAndCause()
    {
        await using var host = await Host.StartAsync(cluster);
        host.Configuration.Next = new ChangeResult(ChangeOutcome.SiloCannotActivate, 1, [new NodeResult("n2", 1, false, "HTTPS port 8443: address already in use")]);
        using var response = await host.Administrator.PutAsync("api/v1/ssl", Bundle());
        var problem = await response.ProblemAsync(HttpStatusCode.Conflict, "silo-cannot-activate");
        Assert.Contains("n2: HTTPS port 8443: address already in use", problem.GetProperty("detail").GetString());
        Assert.Equal("n2", problem.GetProperty("nodes")[0].GetProperty("node").GetString());
        Assert.Contains(host.Audit.Entries, e => e is { Action: "ssl.replace", Outcome: "silo-cannot-activate" });
    }

    [Fact]
    public async Task StaleIfMatch_Is412()
    {
        await using var host = await Host.StartAsync(cluster);
        using var request = new HttpRequestMessage(HttpMethod.Put, "api/v1/ssl") { Content = Bundle() };
        request.Headers.TryAddWithoutValidation("If-Match", "\"99\"");
        using var response = await host.Administrator.SendAsync(request);
        await response.ProblemAsync(HttpStatusCode.PreconditionFailed, "revision-conflict");
    }

    [Fact]
    public async Task Validate_StoresNothing()
    {
        await using var host = await Host.StartAsync(cluster);
        using var response = await host.Administrator.PostAsync("api/v1/ssl/validate", Bundle(certificate: "bad"));
        var findings = (await response.OkAsync()).GetProperty("findings");
        Assert.Equal("serverCertificate", findings[0].GetProperty("file").GetString());
        Assert.Empty(host.Configuration.Staged);
        Assert.Null(host.Configuration.Current.Ssl);
    }

    [Fact]
    public async Task Delete_Twice_Is204Twice()
    {
        await using var host = await Host.StartAsync(cluster);
        using (var put = await host.Administrator.PutAsync("api/v1/ssl", Bundle()))
        {
            await put.OkAsync();
        }

        for (var i = 0; i < 2; i++)
        {
            using var deleted = await host.Administrator.DeleteAsync("api/v1/ssl");
            await deleted.OkAsync(HttpStatusCode.NoContent);
        }

        Assert.Equal("NotSetup", await StateAsync(host, new StringBuilder()));
    }

    [Fact]
    public async Task KeyOverHttpFromAnotherHost_IsWarnedOf()
    {
        await using var host = await Host.StartAsync(cluster);
        var ssl = host.App.Services.GetRequiredService<SslSetup>();
        using var file = new UploadedFile(new ClearSecret(1), 1, "k");
        var act = await ssl.StageAsync(SslFile.PrivateKey, file, exposed: true, new Admin.Audit.Actor("a", ""));
        Assert.Contains(act.Value.Staged.Findings, f => f.Code == "key.over-http");
    }

    [Fact]
    public async Task KeyOverHttpFromAnotherHost_IsRefused_WhenSoConfigured()
    {
        await using var host = await Host.StartOwnAsync(cluster, null, "Chariot:Admin:RefuseKeyOverHttp", "true");
        var ssl = host.App.Services.GetRequiredService<SslSetup>();
        using var file = new UploadedFile(new ClearSecret(1), 1, "k");
        var act = await ssl.StageAsync(SslFile.PrivateKey, file, exposed: true, new Admin.Audit.Actor("a", ""));
        Assert.Equal((403, "key-over-http-refused"), (act.Refusal!.Status, act.Refusal.Code));
        Assert.Empty(host.Configuration.Staged);
    }

    private static async Task<string> StateAsync(Host host, StringBuilder answers)
    {
        using var response = await host.Viewer.GetAsync("api/v1/ssl");
        var body = await response.OkAsync();
        answers.Append(body);
        return body.GetProperty("state").GetString()!;
    }

    private static MultipartFormDataContent File(string part, string content, string name = "x.pem") =>
        new() { { new ByteArrayContent(Encoding.UTF8.GetBytes(content)), part, name } };

    private static MultipartFormDataContent Bundle(string certificate = "leaf") => new()
    {
        { new ByteArrayContent(Encoding.UTF8.GetBytes(Key)), "privateKey", "k.pem" },
        { new ByteArrayContent(Encoding.UTF8.GetBytes(certificate)), "serverCertificate", "c.pem" },
        { new ByteArrayContent("chain"u8.ToArray()), "caChain", "ca.pem" },
    };
}
