using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Tests.Kit;
using Microsoft.Extensions.DependencyInjection;

namespace Chariot.Admin.Tests.Ssl;

[Collection(SharedCluster.Name)]
public sealed class ServerSideKeyTests(Cluster cluster)
{
    private static readonly object Names = new
    {
        subject = new { cn = "mqtt.plant.example", o = "Plant", ou = "Line 2", l = "Ulm", st = "BW", c = "de" },
        dnsNames = new[] { "mqtt.plant.example", "mqtt" },
        ipAddresses = new[] { "10.0.0.7", "fd00::7" },
    };

    private static readonly object BadNames = new
    {
        subject = new { cn = new string('x', 65), c = "Germany" },
        dnsNames = new[] { "ok", "not ok" },
        ipAddresses = new[] { "10.0.0.300" },
    };

    private static readonly string?[] NoName = [null];

    [Fact]
    public async Task Key_IsStagedSealed_AndNoAnswerLogOrAuditHoldsIt()
    {
        await using var host = await Host.StartAsync(cluster);
        var answer = await MakeKeyAsync(host);
        Assert.Equal("generated on this server", answer.GetProperty("fileName").GetString());
        Assert.Equal(JsonValueKind.Null, answer.GetProperty("expiresAt").ValueKind);

        using var response = await host.Viewer.GetAsync("api/v1/ssl");
        var status = await response.OkAsync();
        Assert.Equal("Staged", status.GetProperty("state").GetString());
        Assert.Equal("generated on this server", status.GetProperty("staged").GetProperty("privateKey").GetProperty("fileName").GetString());

        using var key = OpenKey(host, host.Configuration.Staged[SslFile.PrivateKey].Content, "staged/private-key");
        Assert.Equal(2048, key.KeySize);
        var secret = Convert.ToBase64String(key.ExportPkcs8PrivateKey())[40..80];
        foreach (var text in new[] { answer.GetRawText(), status.GetRawText(), host.Log.Text, JsonSerializer.Serialize(host.Audit.Entries) })
        {
            Assert.DoesNotContain("PRIVATE KEY", text);
            Assert.DoesNotContain(secret, text);
        }
    }

    [Theory]
    [InlineData(1024)]
    [InlineData(2049)]
    [InlineData(8192)]
    [InlineData(0)]
    public async Task Key_OfAnotherSize_IsRefused(int bits)
    {
        await using var host = await Host.StartAsync(cluster);
        using var response = await host.Administrator.PostAsJsonAsync("api/v1/ssl/key", new { bits });
        var problem = await response.ProblemAsync(HttpStatusCode.BadRequest, "validation-failed");
        Assert.Equal("bits", problem.GetProperty("findings")[0].GetProperty("field").GetString());
        Assert.Empty(host.Configuration.Staged);
    }

    [Fact]
    public async Task NextKey_ReplacesTheFirst_AndDeleteRemovesIt()
    {
        await using var host = await Host.StartAsync(cluster);
        await MakeKeyAsync(host);
        var first = host.Configuration.Staged[SslFile.PrivateKey].GeneratedKeyId;
        await MakeKeyAsync(host);
        Assert.NotEqual(first, host.Configuration.Staged[SslFile.PrivateKey].GeneratedKeyId);

        using var removed = await host.Administrator.DeleteAsync("api/v1/ssl/files/private-key");
        await removed.OkAsync(HttpStatusCode.NoContent);
        Assert.Empty(host.Configuration.Staged);
    }

    [Fact]
    public async Task Request_HasTheNamesAndIsSignedWithTheKey()
    {
        await using var host = await Host.StartAsync(cluster);
        await MakeKeyAsync(host);
        using var response = await host.Administrator.PostAsJsonAsync("api/v1/ssl/csr", Names);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("application/pkcs10", response.Content.Headers.ContentType?.MediaType);
        Assert.False(response.Headers.Contains("Chariot-Findings"));
        var pem = await response.Content.ReadAsStringAsync();
        Assert.StartsWith("-----BEGIN CERTIFICATE REQUEST-----", pem);

        // Loading verifies the signature under the request's own key.
        var request = CertificateRequest.LoadSigningRequestPem(pem, HashAlgorithmName.SHA256, CertificateRequestLoadOptions.UnsafeLoadCertificateExtensions, RSASignaturePadding.Pkcs1);
        using var key = OpenKey(host, host.Configuration.Staged[SslFile.PrivateKey].Content, "staged/private-key");
        Assert.Equal(key.ExportSubjectPublicKeyInfo(), request.PublicKey.ExportSubjectPublicKeyInfo());
        Assert.Equal(
            ["2.5.4.6", "2.5.4.8", "2.5.4.7", "2.5.4.10", "2.5.4.11", "2.5.4.3"],
            request.SubjectName.EnumerateRelativeDistinguishedNames(reversed: false).Select(part => part.GetSingleElementType().Value));
        Assert.Equal("CN=mqtt.plant.example, OU=Line 2, O=Plant, L=Ulm, S=BW, C=DE", request.SubjectName.Name);
        var names = request.CertificateExtensions.OfType<X509SubjectAlternativeNameExtension>().Single();
        Assert.Equal(["mqtt.plant.example", "mqtt"], names.EnumerateDnsNames());
        Assert.Equal([IPAddress.Parse("10.0.0.7"), IPAddress.Parse("fd00::7")], names.EnumerateIPAddresses());
    }

    [Fact]
    public async Task Request_WithWwwOrWithoutAlternativeNames_IsWarnedOf()
    {
        await using var host = await Host.StartAsync(cluster);
        await MakeKeyAsync(host);
        var names = new { subject = new { cn = "www.plant.example" } };
        using (var pem = await host.Administrator.PostAsJsonAsync("api/v1/ssl/csr", names))
        {
            Assert.Equal("csr.no-san, csr.www-name", pem.Headers.GetValues("Chariot-Findings").Single());
        }

        using var asked = new HttpRequestMessage(HttpMethod.Post, "api/v1/ssl/csr") { Content = JsonContent.Create(names) };
        asked.Headers.Accept.ParseAdd("application/json");
        using var response = await host.Administrator.SendAsync(asked);
        var body = await response.OkAsync();
        Assert.StartsWith("-----BEGIN CERTIFICATE REQUEST-----", body.GetProperty("csr").GetString());
        Assert.Equal(["csr.no-san", "csr.www-name"], body.GetProperty("findings").EnumerateArray().Select(f => f.GetProperty("code").GetString()));
        Assert.All(body.GetProperty("findings").EnumerateArray(), f => Assert.Equal("warning", f.GetProperty("severity").GetString()));
    }

    [Fact]
    public async Task Request_WithBadNames_NamesAllOfThem()
    {
        await using var host = await Host.StartAsync(cluster);
        await MakeKeyAsync(host);
        using var response = await host.Administrator.PostAsJsonAsync(
            "api/v1/ssl/csr", BadNames);
        var problem = await response.ProblemAsync(HttpStatusCode.BadRequest, "validation-failed");
        var fields = problem.GetProperty("findings").EnumerateArray().Where(f => f.GetProperty("severity").GetString() == "error").Select(f => f.GetProperty("field").GetString());
        Assert.Equal(["subject.cn", "subject.c", "dnsNames[1]", "ipAddresses[0]"], fields);

        using var empty = await host.Administrator.PostAsJsonAsync("api/v1/ssl/csr", new { });
        await empty.ProblemAsync(HttpStatusCode.BadRequest, "validation-failed");
        using var nulls = await host.Administrator.PostAsJsonAsync("api/v1/ssl/csr", new { dnsNames = NoName, ipAddresses = NoName });
        await nulls.ProblemAsync(HttpStatusCode.BadRequest, "validation-failed");
    }

    [Fact]
    public async Task Request_WithoutAGeneratedKey_IsRefused()
    {
        await using var host = await Host.StartAsync(cluster);
        using (var none = await host.Administrator.PostAsJsonAsync("api/v1/ssl/csr", Names))
        {
            await none.ProblemAsync(HttpStatusCode.Conflict, "no-pending-key");
        }

        using var form = new MultipartFormDataContent { { new ByteArrayContent("key"u8.ToArray()), "file", "k.pem" } };
        using (var staged = await host.Administrator.PutAsync("api/v1/ssl/files/private-key", form))
        {
            await staged.OkAsync();
        }

        using var uploaded = await host.Administrator.PostAsJsonAsync("api/v1/ssl/csr", Names);
        var problem = await uploaded.ProblemAsync(HttpStatusCode.Conflict, "no-pending-key");
        Assert.Contains("uploaded", problem.GetProperty("detail").GetString());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CertificateAndChain_AreSetUpWithTheGeneratedKey(bool staged)
    {
        await using var host = await Host.StartAsync(cluster);
        await MakeKeyAsync(host);
        var pending = host.Configuration.Staged[SslFile.PrivateKey];
        using var key = OpenKey(host, pending.Content, "staged/private-key");
        if (staged)
        {
            foreach (var slot in new[] { "server-certificate", "ca-chain" })
            {
                using var form = new MultipartFormDataContent { { new ByteArrayContent("x"u8.ToArray()), "file", slot + ".pem" } };
                using var upload = await host.Administrator.PutAsync("api/v1/ssl/files/" + slot, form);
                await upload.OkAsync();
            }
        }

        using var both = new MultipartFormDataContent { { new ByteArrayContent("leaf"u8.ToArray()), "serverCertificate", "c.pem" }, { new ByteArrayContent("ca"u8.ToArray()), "caChain", "ca.pem" } };
        using var response = staged ? await host.Administrator.PostAsync("api/v1/ssl/setup", null) : await host.Administrator.PutAsync("api/v1/ssl", both);
        var body = await response.OkAsync();

        Assert.Equal("generated on this server", body.GetProperty("files").GetProperty("privateKey").GetProperty("fileName").GetString());
        var stored = Assert.Single(host.Configuration.SetUp);
        Assert.Equal((pending.GeneratedKeyId, "test-Administrator"), (stored.GeneratedKeyId, stored.SetUpBy));
        using var served = OpenKey(host, stored.PrivateKey, stored.SetupId);
        Assert.Equal(key.ExportSubjectPublicKeyInfo(), served.ExportSubjectPublicKeyInfo());
    }

    [Fact]
    public async Task SetupWithAnUploadedKey_LeavesTheGeneratedOneWaiting()
    {
        await using var host = await Host.StartAsync(cluster);
        await MakeKeyAsync(host);
        using var all = new MultipartFormDataContent
        {
            { new ByteArrayContent("key"u8.ToArray()), "privateKey", "k.pem" },
            { new ByteArrayContent("leaf"u8.ToArray()), "serverCertificate", "c.pem" },
            { new ByteArrayContent("ca"u8.ToArray()), "caChain", "ca.pem" },
        };

        using var response = await host.Administrator.PutAsync("api/v1/ssl", all);
        var body = await response.OkAsync();

        Assert.Equal("k.pem", body.GetProperty("files").GetProperty("privateKey").GetProperty("fileName").GetString());
        Assert.Null(Assert.Single(host.Configuration.SetUp).GeneratedKeyId);
        Assert.Equal("generated on this server", body.GetProperty("staged").GetProperty("privateKey").GetProperty("fileName").GetString());
    }

    [Fact]
    public async Task Validate_WithoutAKey_JudgesAgainstTheGeneratedOne()
    {
        await using var host = await Host.StartAsync(cluster);
        await MakeKeyAsync(host);
        using var form = new MultipartFormDataContent { { new ByteArrayContent("bad"u8.ToArray()), "serverCertificate", "c.pem" }, { new ByteArrayContent("ca"u8.ToArray()), "caChain", "ca.pem" } };
        using var response = await host.Administrator.PostAsync("api/v1/ssl/validate", form);
        var findings = (await response.OkAsync()).GetProperty("findings");
        Assert.Equal("serverCertificate", Assert.Single(findings.EnumerateArray()).GetProperty("file").GetString());
        Assert.NotEmpty(host.Configuration.Staged);
    }

    [Fact]
    public async Task History_IsNewestFirst_WithoutKeys()
    {
        await using var host = await Host.StartAsync(cluster);
        var record = new SslSetupRecord
        {
            SetupId = "one",
            Revision = 3,
            Subject = "CN=a",
            SerialNumber = "01",
            Sha256Fingerprint = "aa",
            NotBefore = DateTimeOffset.UnixEpoch,
            NotAfter = DateTimeOffset.UnixEpoch.AddYears(1),
            SetUpAt = DateTimeOffset.UnixEpoch.AddDays(1),
            SetUpBy = "admin",
            RemovedAt = DateTimeOffset.UnixEpoch.AddDays(2),
            Removal = SslRemoval.Replaced,
        };
        host.Configuration.History = [record, record with { SetupId = "two", RemovedAt = null, Removal = null }];

        using var response = await host.Viewer.GetAsync("api/v1/ssl/history");
        var rows = (await response.OkAsync()).EnumerateArray().ToList();

        Assert.Equal(["two", "one"], rows.Select(row => row.GetProperty("setupId").GetString()));
        Assert.Equal(("replaced", "admin", 3L), (rows[1].GetProperty("removal").GetString(), rows[1].GetProperty("setUpBy").GetString(), rows[1].GetProperty("revision").GetInt64()));
        Assert.Equal(JsonValueKind.Null, rows[0].GetProperty("removal").ValueKind);
    }

    private static async Task<JsonElement> MakeKeyAsync(Host host)
    {
        using var response = await host.Administrator.PostAsJsonAsync("api/v1/ssl/key", new { bits = 2048 });
        return await response.OkAsync(HttpStatusCode.Created);
    }

    private static RSA OpenKey(Host host, SealedSecret secret, string associatedData)
    {
        using var clear = host.App.Services.GetRequiredService<ISecretSealer>().Open(secret, associatedData);
        var key = RSA.Create();
        key.ImportFromPem(Encoding.ASCII.GetString(clear.Bytes));
        return key;
    }
}
