using System.Net;
using System.Text.Json;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Tests.Kit;

namespace Chariot.Admin.Tests.Ssl;

/// <summary>The part <c>passphrase</c> of an upload; what it opens is tested with the validator.</summary>
[Collection(SharedCluster.Name)]
public sealed class PassphraseUploadTests(Cluster cluster)
{
    private const string Passphrase = "CANARY of a passphrase";

    [Theory]
    [InlineData(Passphrase)]
    [InlineData("")]
    public async Task Passphrase_IsTakenWithTheKey_AndKeptNowhere(string passphrase)
    {
        await using var host = await Host.StartAsync(cluster);
        using var response = await host.Administrator.PutAsync("api/v1/ssl/files/private-key", Form(passphrase));
        var answer = await response.OkAsync();

        Assert.Contains(SslFile.PrivateKey, host.Configuration.Staged.Keys);
        Assert.DoesNotContain("CANARY", answer + host.Log.Text + JsonSerializer.Serialize(host.Audit.Entries) + JsonSerializer.Serialize(host.Configuration.Staged.Values.Select(staged => staged.Findings)));
    }

    [Fact]
    public async Task Passphrase_SentTwice_IsRefused()
    {
        await using var host = await Host.StartAsync(cluster);
        using var response = await host.Administrator.PutAsync("api/v1/ssl/files/private-key", Form(Passphrase, "another"));

        Assert.Equal("upload.duplicate", await CodeAsync(response));
        Assert.Empty(host.Configuration.Staged);
    }

    [Theory]
    [InlineData("server-certificate")]
    [InlineData("ca-chain")]
    public async Task Passphrase_OfACertificate_IsNoPartOfTheUpload(string slot)
    {
        await using var host = await Host.StartAsync(cluster);
        using var response = await host.Administrator.PutAsync("api/v1/ssl/files/" + slot, Form(Passphrase));

        Assert.Equal("upload.part", await CodeAsync(response));
        Assert.Empty(host.Configuration.Staged);
    }

    [Fact]
    public async Task Passphrase_IsLimitedInSize()
    {
        await using var host = await Host.StartAsync(cluster);
        using (var fits = await host.Administrator.PutAsync("api/v1/ssl/files/private-key", Form(new string('a', 40_000))))
        {
            await fits.OkAsync();
        }

        using var response = await host.Administrator.PutAsync("api/v1/ssl/files/private-key", Form(new string('a', 40_001)));
        await response.ProblemAsync(HttpStatusCode.RequestEntityTooLarge, "upload-too-large");
    }

    private static MultipartFormDataContent Form(params string[] passphrases)
    {
        var form = new MultipartFormDataContent { { new StringContent("key"), "file", "k.pem" } };
        foreach (var passphrase in passphrases)
        {
            form.Add(new StringContent(passphrase), "passphrase");
        }

        return form;
    }

    private static async Task<string?> CodeAsync(HttpResponseMessage response)
    {
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        return JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.GetProperty("findings")[0].GetProperty("code").GetString();
    }
}
