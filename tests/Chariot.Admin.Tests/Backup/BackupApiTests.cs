using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Accounts;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Tests.Kit;

namespace Chariot.Admin.Tests.Backup;

[Collection(SharedCluster.Name)]
public sealed class BackupApiTests(Cluster cluster)
{
    private const string Passphrase = "correct horse battery";
    private static readonly string s_verifier = PasswordVerifier.Create("some password"u8);

    [Fact]
    public async Task WhatIsSaved_IsRestored_AndWhatIsNotInIt_Goes()
    {
        await using var host = await Host.StartAsync(cluster);
        await ConfigureAsync(host);
        var file = await BackUpAsync(host, new { passphrase = Passphrase });
        Assert.DoesNotContain(s_verifier, Encoding.Latin1.GetString(file), StringComparison.Ordinal);

        host.Configuration.Credentials["late"] = host.Configuration.Credentials["press"] with { Username = "late" };
        var report = await (await RestoreAsync(host, file, Passphrase)).OkAsync();

        Assert.Equal(1, report.GetProperty("credentials").GetInt32());
        Assert.Equal(1, report.GetProperty("removedCredentials").GetInt32());
        var restored = Assert.Single(host.Configuration.Restored);
        Assert.Equal(("press", s_verifier), (restored.Credentials[0].Username, restored.Credentials[0].PasswordVerifier));
        Assert.Equal("plant/#", Assert.Single(restored.Credentials[0].PublishAcl));
        Assert.Equal("late", Assert.Single(restored.RemovedCredentials));
        Assert.Equal("press", restored.Mqtt.AnonymousCredential);
        Assert.Equal((AccountRole.Administrator, s_verifier), (restored.Accounts.Single().Role, restored.Accounts.Single().PasswordVerifier));
        Assert.Equal(SerialNumbers.Pack([[1, 2]]), restored.ClientTrust.RevokedSerials);
        Assert.Equal("press-17", restored.ClientTrust.Mappings.Single().Value);
        Assert.DoesNotContain(s_verifier, string.Concat(host.Audit.Entries.Select(entry => entry.Detail)) + host.Log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(Passphrase, string.Concat(host.Audit.Entries.Select(entry => entry.Detail)) + host.Log.Text, StringComparison.Ordinal);
        Assert.Contains(host.Audit.Entries, entry => entry is { Action: "restore", Outcome: "applied" });
    }

    [Fact]
    public async Task ADryRun_ChangesNothing()
    {
        await using var host = await Host.StartAsync(cluster);
        await ConfigureAsync(host);
        var file = await BackUpAsync(host, new { });

        var report = await (await RestoreAsync(host, file, null, "?dryRun=true")).OkAsync();

        Assert.True(report.GetProperty("dryRun").GetBoolean());
        Assert.Empty(host.Configuration.Restored);
    }

    [Fact]
    public async Task AKey_LeavesUnderAPassphraseOnly()
    {
        await using var host = await Host.StartAsync(cluster);
        await ConfigureAsync(host);
        await (await host.Administrator.PostAsJsonAsync("/api/v1/backup", new { includeKey = true, passphrase = Passphrase })).ProblemAsync(HttpStatusCode.Conflict, "ssl-not-set-up");
        await SetUpAsync(host);

        await (await host.Administrator.PostAsJsonAsync("/api/v1/backup", new { includeKey = true })).ProblemAsync(HttpStatusCode.BadRequest, "validation-failed");
        await (await host.Administrator.PostAsJsonAsync("/api/v1/backup", new { passphrase = "short" })).ProblemAsync(HttpStatusCode.BadRequest, "validation-failed");
        using var without = await host.Administrator.PostAsJsonAsync("/api/v1/backup", new { });
        Assert.Equal("api-tokens,private-key,encryption", without.Headers.GetValues("Chariot-Backup-Lacks").Single());
        using var with = await host.Administrator.PostAsJsonAsync("/api/v1/backup", new { includeKey = true, passphrase = Passphrase });
        Assert.Equal("api-tokens", with.Headers.GetValues("Chariot-Backup-Lacks").Single());
    }

    [Theory]
    [InlineData(null, "key-not-confirmed", "ssl.key-in-backup")]
    [InlineData(SslRemoval.Replaced, "key-not-confirmed", "ssl.key-replaced")]
    [InlineData(SslRemoval.Deleted, "key-was-deleted", "ssl.key-deleted")]
    public async Task AKey_IsServedOnAnExplicitWordOnly(SslRemoval? removal, string problem, string finding)
    {
        await using var host = await Host.StartAsync(cluster);
        await ConfigureAsync(host);
        await SetUpAsync(host);
        var file = await BackUpAsync(host, new { includeKey = true, passphrase = Passphrase });
        await (await RestoreAsync(host, file, Passphrase)).ProblemAsync(HttpStatusCode.Conflict, "already-set-up");

        var setUp = host.Configuration.Current.Ssl!;
        host.Configuration.Current = host.Configuration.Current with { Ssl = null };
        host.Configuration.History = removal is null ? [] : [Record(setUp, removal.Value)];

        var refused = await (await RestoreAsync(host, file, Passphrase)).ProblemAsync(HttpStatusCode.Conflict, problem);
        var named = refused.GetProperty("findings")[0];
        Assert.Equal(finding, named.GetProperty("code").GetString());
        Assert.Contains(FakeValidator.Details.Subject, named.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Empty(host.Configuration.Restored);
        Assert.Contains(host.Audit.Entries, entry => entry.Action == "restore" && entry.Outcome == problem);

        await (await RestoreAsync(host, file, Passphrase, "?withoutKey=true")).OkAsync();
        Assert.Null(host.Configuration.Restored.Single().Ssl);
        await (await RestoreAsync(host, file, Passphrase, "?confirmKey=true")).OkAsync();
        var served = host.Configuration.Restored[1].Ssl!;
        Assert.NotEqual(setUp.SetupId, served.SetupId);
        Assert.DoesNotContain("canary-key", JsonSerializer.Serialize(served), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mqtt.limits.receiveMaximum", "0", "limit.range")]
    [InlineData("tls.minVersion", "\"1.0\"", "backup.tls")]
    [InlineData("admin.adminHttp", "\"wide\"", "backup.admin")]
    [InlineData("credentials.0.verifier", "\"secret\"", "backup.verifier")]
    [InlineData("credentials.0.username", "\"\"", "backup.username")]
    [InlineData("credentials.0.publishAcl", "[\"a/#/b\"]", "acl.invalid-filter")]
    [InlineData("credentials.0", "null", "backup.username")]
    [InlineData("credentials", "[]", "anonymous-credential.unknown")]
    [InlineData("accounts", "[]", "backup.accounts")]
    [InlineData("accounts.0.role", "\"viewer\"", "backup.accounts")]
    [InlineData("clientTrust.revokedSerials", "\"AAAA\"", "backup.revoked")]
    [InlineData("clientTrust.mappings.0.username", "\"nobody\"", "mapping.username")]
    [InlineData("clientTrust.authorities", "\"no pem\"", "file.not-pem")]
    [InlineData("surprise", "1", "backup.content")]
    [InlineData("mqtt", "null", "backup.content")]
    [InlineData("mqtt.surprise", "1", "backup.content")]
    public async Task APartThatIsNotInOrder_IsRefusedAsAWhole(string path, string value, string code)
    {
        await using var host = await Host.StartAsync(cluster);
        await ConfigureAsync(host);
        var file = Edit(await BackUpAsync(host, new { }), path, JsonNode.Parse(value));

        var refused = await (await RestoreAsync(host, file, null)).ProblemAsync(HttpStatusCode.BadRequest, "backup-invalid");

        Assert.Contains(refused.GetProperty("findings").EnumerateArray(), finding => finding.GetProperty("code").GetString() == code);
        Assert.Empty(host.Configuration.Restored);
    }

    [Fact]
    public async Task ADeepDocument_IsRefused()
    {
        await using var host = await Host.StartAsync(cluster);
        var deep = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("{\"a\":", 10_000)) + "1" + new string('}', 10_000));
        await (await RestoreAsync(host, Admin.Backup.BackupFile.Write(deep, null, null), null)).ProblemAsync(HttpStatusCode.BadRequest, "backup-invalid");
    }

    [Fact]
    public async Task AnotherMasterKey_IsWarnedOf_WhenGeneratedPasswordsDependOnIt()
    {
        await using var host = await Host.StartAsync(cluster);
        await ConfigureAsync(host);
        host.Configuration.Credentials["made"] = host.Configuration.Credentials["press"] with
        {
            Username = "made",
            PasswordVerifier = PasswordVerifier.CreateGenerated("generated"u8, RandomNumberGenerator.GetBytes(32)),
        };
        var file = Edit(await BackUpAsync(host, new { }), "masterKeyId", JsonValue.Create("0123456789abcdef"));

        var report = await (await RestoreAsync(host, file, null)).OkAsync();

        Assert.Contains(report.GetProperty("findings").EnumerateArray(), finding => finding.GetProperty("code").GetString() == "backup.other-master-key");
    }

    [Fact]
    public async Task Confirm_TakesTheFingerprintOfWhatIsSetUpOnly()
    {
        await using var host = await Host.StartAsync(cluster);
        await (await host.Administrator.PostAsJsonAsync("/api/v1/ssl/confirm", new { sha256Fingerprint = "00" })).ProblemAsync(HttpStatusCode.Conflict, "ssl-not-set-up");
        await SetUpAsync(host);
        await (await host.Administrator.PostAsJsonAsync("/api/v1/ssl/confirm", new { sha256Fingerprint = "00" })).ProblemAsync(HttpStatusCode.BadRequest, "validation-failed");
        Assert.Empty(host.Configuration.Confirmed);

        await (await host.Administrator.PostAsJsonAsync("/api/v1/ssl/confirm", new { sha256Fingerprint = FakeValidator.Details.Sha256Fingerprint })).OkAsync();
        Assert.Equal([host.Configuration.Current.Ssl!.SetupId], host.Configuration.Confirmed);
    }

    private static async Task ConfigureAsync(Host host)
    {
        host.Configuration.Credentials["press"] = new CredentialRecord("press", s_verifier, ["plant/#"], ["plant/+"], true, 1);
        host.Configuration.Current = host.Configuration.Current with { Mqtt = new MqttSettings { AllowAnonymous = true, AnonymousCredential = "press" }, ClientTrustRevision = 1 };
        host.Configuration.Trust = new ClientTrust { Revision = 1, RevokedSerials = SerialNumbers.Pack([[1, 2]]), Mappings = [new CertificateMapping(CertificateField.CommonName, "press-17", "press")] };
        await host.Accounts.InitializeAsync(new NewAccount("admin", AccountRole.Administrator, s_verifier, false));
    }

    private static async Task SetUpAsync(Host host)
    {
        using var form = new MultipartFormDataContent
        {
            { new ByteArrayContent("canary-key"u8.ToArray()), "privateKey", "a.key" },
            { new ByteArrayContent("leaf"u8.ToArray()), "serverCertificate", "a.crt" },
            { new ByteArrayContent("chain"u8.ToArray()), "caChain", "chain.crt" },
        };
        await (await host.Administrator.PutAsync("/api/v1/ssl", form)).OkAsync();
    }

    private static async Task<byte[]> BackUpAsync(Host host, object body)
    {
        using var answer = await host.Administrator.PostAsJsonAsync("/api/v1/backup", body);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await answer.Content.ReadAsByteArrayAsync();
    }

    private static async Task<HttpResponseMessage> RestoreAsync(Host host, byte[] file, string? passphrase, string query = "")
    {
        using var form = new MultipartFormDataContent { { new ByteArrayContent(file), "file", "chariot.backup" } };
        if (passphrase is not null)
        {
            form.Add(new StringContent(passphrase), "passphrase");
        }

        return await host.Administrator.PostAsync("/api/v1/restore" + query, form);
    }

    private static SslSetupRecord Record(SslConfiguration ssl, SslRemoval removal) => new()
    {
        SetupId = ssl.SetupId,
        Revision = 2,
        Subject = ssl.Details.Subject,
        SerialNumber = ssl.Details.SerialNumber,
        Sha256Fingerprint = ssl.Details.Sha256Fingerprint,
        NotBefore = ssl.Details.NotBefore,
        NotAfter = ssl.Details.NotAfter,
        SetUpAt = DateTimeOffset.UnixEpoch,
        RemovedAt = DateTimeOffset.UnixEpoch,
        Removal = removal,
    };

    /// <summary>Changes one value of a readable backup, and its SHA-256 with it.</summary>
    private static byte[] Edit(byte[] file, string path, JsonNode? value)
    {
        var document = JsonNode.Parse(file.AsSpan(Array.IndexOf(file, (byte)'\n') + 1))!;
        var at = document;
        var steps = path.Split('.');
        foreach (var step in steps[..^1])
        {
            at = int.TryParse(step, out var index) ? at![index] : at![step];
        }

        if (int.TryParse(steps[^1], out var last))
        {
            at![last] = value;
        }
        else
        {
            at![steps[^1]] = value;
        }

        return Admin.Backup.BackupFile.Write(Encoding.UTF8.GetBytes(document.ToJsonString()), null, null);
    }
}
