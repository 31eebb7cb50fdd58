using System.Net;
using System.Net.Http.Json;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Admin.Expiry;
using Chariot.Admin.Tests.Kit;
using Chariot.TestKit.Certificates;

namespace Chariot.Admin.Tests.ClientCertificates;

[Collection(SharedCluster.Name)]
public sealed class ClientTrustApiTests(Cluster cluster) : IDisposable
{
    private static readonly string[] BadSerials = ["01", "no"];

    private readonly TestClientAuthority _authority = new();

    public void Dispose() => _authority.Dispose();

    [Fact]
    public async Task Authorities_AreStored_Shown_Audited_AndDeleted()
    {
        await using var host = await Host.StartAsync(cluster);

        using (var put = await host.Administrator.PutAsync("api/v1/client-ca", File(_authority.PemBytes, "clients.pem")))
        {
            var body = await put.OkAsync();
            Assert.Equal("clients.pem", body.GetProperty("file").GetProperty("fileName").GetString());
            Assert.Equal(_authority.Sha256, body.GetProperty("certificates")[0].GetProperty("sha256Fingerprint").GetString());
            Assert.True(body.GetProperty("nodes")[0].GetProperty("applied").GetBoolean());
            Assert.Equal($"\"{host.Configuration.Trust.Revision}\"", put.Headers.ETag!.Tag);
        }

        Assert.Equal(_authority.Certificate.RawData, Assert.Single(host.Configuration.Trust.Authorities!.Certificates));
        Assert.Contains(host.Audit.Entries, entry => entry is { Action: "client-ca.put", Outcome: "applied" } && entry.Detail.Contains(_authority.Sha256, StringComparison.Ordinal));
        using var deleted = await host.Administrator.DeleteAsync("api/v1/client-ca");
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        Assert.Null(host.Configuration.Trust.Authorities);
        using var shown = await host.Viewer.GetAsync("api/v1/client-ca");
        Assert.Empty((await shown.OkAsync()).GetProperty("certificates").EnumerateArray());
    }

    [Fact]
    public async Task StaleIfMatch_IsRefused_AndWithoutOneAnotherChangeIsNotLost()
    {
        await using var host = await Host.StartAsync(cluster);
        using (var first = await host.Administrator.PostAsync("api/v1/client-ca/revoked/01", null))
        {
            await first.OkAsync();
        }

        var stale = host.Configuration.Trust.Revision;
        host.Configuration.BeforeTrust = () => host.Configuration.Trust = host.Configuration.Trust with
        {
            Revision = 1000,
            RevokedSerials = SerialNumbers.Pack([[1], [2]]),
        };
        using (var second = await host.Administrator.PostAsync("api/v1/client-ca/revoked/03", null))
        {
            await second.OkAsync();
        }

        Assert.Equal(3, SerialNumbers.Count(host.Configuration.Trust.RevokedSerials));
        using var request = new HttpRequestMessage(HttpMethod.Post, "api/v1/client-ca/revoked/04") { Headers = { { "If-Match", $"\"{stale}\"" } } };
        using var refused = await host.Administrator.SendAsync(request);
        await refused.ProblemAsync(HttpStatusCode.PreconditionFailed, "revision-conflict");
    }

    [Fact]
    public async Task Serials_AreListedInPages_AndManyCanBeSentAtOnce()
    {
        await using var host = await Host.StartAsync(cluster);
        using (var post = await host.Administrator.PostAsJsonAsync("api/v1/client-ca/revoked", new { serialNumbers = Enumerable.Range(1, 250).Select(i => i.ToString("x4", System.Globalization.CultureInfo.InvariantCulture)) }))
        {
            Assert.Equal(250, (await post.OkAsync()).GetProperty("revoked").GetInt32());
        }

        var seen = new List<string>();
        string? cursor = null;
        do
        {
            using var page = await host.Viewer.GetAsync("api/v1/client-ca/revoked?limit=100" + (cursor is null ? "" : "&cursor=" + cursor));
            var body = await page.OkAsync();
            seen.AddRange(body.GetProperty("items").EnumerateArray().Select(item => item.GetString()!));
            cursor = body.GetProperty("nextCursor").GetString();
        }
        while (cursor is not null);

        Assert.Equal(250, seen.Distinct().Count());
        Assert.Equal(seen.Order(StringComparer.Ordinal), seen);
        using var bad = await host.Administrator.PostAsJsonAsync("api/v1/client-ca/revoked", new { serialNumbers = BadSerials });
        Assert.Equal("serialNumbers[1]", (await bad.ProblemAsync(HttpStatusCode.BadRequest, "validation-failed")).GetProperty("findings")[0].GetProperty("field").GetString());
    }

    [Fact]
    public async Task Mapping_NeedsAKnownCredential_AndKeepsItFromDeletion()
    {
        await using var host = await Host.StartAsync(cluster);
        host.Configuration.Credentials["device"] = new CredentialRecord("device", "v", [], [], true, 1);
        object[] good = [new { match = "cn", value = "device-1", username = "device" }];

        using (var unknown = await host.Administrator.PutAsJsonAsync("api/v1/client-certificates/mapping", new[] { new { match = "cn", value = "x", username = "nobody" } }))
        {
            Assert.Equal("[0].username", (await unknown.ProblemAsync(HttpStatusCode.BadRequest, "validation-failed")).GetProperty("findings")[0].GetProperty("field").GetString());
        }

        using (var put = await host.Administrator.PutAsJsonAsync("api/v1/client-certificates/mapping", good))
        {
            Assert.Equal(1, (await put.OkAsync()).GetProperty("items").GetArrayLength());
        }

        using var shown = await host.Viewer.GetAsync("api/v1/client-certificates/mapping");
        Assert.Equal("""[{"match":"cn","value":"device-1","username":"device"}]""", (await shown.OkAsync()).GetRawText());
    }

    [Fact]
    public async Task Uploads_ThatAreNoMultipart_OrTooLarge_OrEmpty_AreRefused()
    {
        await using var host = await Host.StartAsync(cluster);

        using var json = await host.Administrator.PutAsJsonAsync("api/v1/client-ca", new { });
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, json.StatusCode);
        using var large = await host.Administrator.PutAsync("api/v1/client-ca", File(new byte[(256 * 1024) + 1], "large.pem"));
        await large.ProblemAsync(HttpStatusCode.RequestEntityTooLarge, "upload-too-large");
        using var none = await host.Administrator.PutAsync("api/v1/client-ca", new MultipartFormDataContent { { new StringContent("x"), "other" } });
        Assert.Equal(HttpStatusCode.BadRequest, none.StatusCode);
    }

    [Fact]
    public void Expiry_CoversCasListsAndClients_AndAShortLivedListIsNoAlarm()
    {
        var now = new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var trust = new ClientTrust
        {
            Authorities = new ClientAuthorities { Details = [FakeValidator.Details with { NotAfter = now.AddDays(20) }], File = new SslFileLabel("f", now) },
            RevocationLists = [List(now.AddDays(6)), List(now.AddHours(6)), List(now.AddHours(-1)), List(null)],
        };

        var rows = ExpiringCertificate.From(null, trust, [new ClientCertificateDescription("CN=c", "01", "aa", now.AddDays(3))], now);

        Assert.Equal(
            [("client-ca", FindingSeverity.Warning), ("crl", FindingSeverity.Info), ("crl", FindingSeverity.Warning), ("crl", FindingSeverity.Error), ("client-certificate", FindingSeverity.Warning)],
            rows.Select(row => (row.Kind, row.Severity)));
    }

    private static RevocationList List(DateTimeOffset? next) => new()
    {
        Issuer = "CN=ca",
        IssuerSha256 = "aa",
        IssuerKeySha256 = "bb",
        ThisUpdate = DateTimeOffset.UnixEpoch,
        NextUpdate = next,
        Sha256 = "cc",
        File = new SslFileLabel("f", DateTimeOffset.UnixEpoch),
    };

    private static MultipartFormDataContent File(byte[] content, string name) => new() { { new ByteArrayContent(content), "file", name } };
}
