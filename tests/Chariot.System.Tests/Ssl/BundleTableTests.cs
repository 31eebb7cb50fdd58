using System.Net;
using System.Text.Json.Nodes;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;

namespace Chariot.SystemTests.Ssl;

/// <summary>
/// The table of bad and odd certificate uploads, row by row over HTTP on one running broker: what the answer says, that no answer is
/// a 5xx or shows code, and that nothing is left behind. Rows about calls, not files: 48 and 49 are in <see cref="AllOrNothingTests"/>, 50 and 51 in <see cref="SslTests"/> and in the cluster tests, 52 in
/// <see cref="SslTests"/>, 53 in the admin tests (the key over HTTP from an address that is not loopback).
/// </summary>
public sealed class BundleTableTests(BrokerFixture fixture) : IClassFixture<BrokerFixture>, IAsyncLifetime
{
    private static readonly (string Slot, string File, Func<BundleFiles, string?> Content)[] Slots =
    [
        ("private-key", "privateKey", files => files.Key),
        ("server-certificate", "serverCertificate", files => files.Certificate),
        ("ca-chain", "caChain", files => files.Chain),
    ];

    public static TheoryData<string> Refused => [.. BundleTable.Cases.Where(row => row.Value.IsError).Select(row => row.Key)];

    public static TheoryData<string> Accepted => [.. BundleTable.Cases.Where(row => !row.Value.IsError).Select(row => row.Key)];

    private AdminClient Admin => fixture.Broker.Admin;

    private BrokerPorts Ports => fixture.Broker.Ports;

    /// <summary>A test that failed leaves nothing to the next.</summary>
    public async Task InitializeAsync()
    {
        (await Admin.DeleteAsync("ssl")).EnsureSuccess();
        await UnstageAsync();
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task BadFiles_AreRefusedWithTheirFinding_AndChangeNothing(string name)
    {
        var row = BundleTable.Cases[name];
        var files = row.Files;

        var dry = Sane(await Admin.ValidateSslAsync(files.Key, files.Certificate, files.Chain, files.Passphrase));
        var put = Sane(await Admin.PutSslAsync(files.Key, files.Certificate, files.Chain, passphrase: files.Passphrase));
        if (row.IsTooLarge)
        {
            Assert.Equal((HttpStatusCode.RequestEntityTooLarge, "upload-too-large"), (dry.Status, dry.Problem));
            Assert.Equal((HttpStatusCode.RequestEntityTooLarge, "upload-too-large"), (put.Status, put.Problem));
        }
        else
        {
            Assert.Equal(HttpStatusCode.OK, dry.Status);
            Has(row, dry.Body!["findings"]!);
            Assert.Equal((HttpStatusCode.BadRequest, "tls-bundle-invalid"), (put.Status, put.Problem));
            Has(row, put.Body!["findings"]!);
        }

        // One by one: a fault of one file is told when it is staged, one between files when they are set up.
        var refusals = new List<AdminAnswer>();
        foreach (var (slot, _, content) in Slots)
        {
            if (content(files) is { } pem && Sane(await Admin.StageAsync(slot, pem, slot + ".pem", slot == "private-key" ? files.Passphrase : null)) is { Status: not HttpStatusCode.OK } refusal)
            {
                refusals.Add(refusal);
            }
        }

        var setup = Sane(await Admin.PostAsync("ssl/setup"));
        Assert.Equal((HttpStatusCode.BadRequest, "tls-bundle-invalid"), (setup.Status, setup.Problem));
        if (row.IsTooLarge)
        {
            Assert.Contains(refusals, refusal => refusal.Problem == "upload-too-large");
        }
        else if (refusals.Count == 0)
        {
            Has(row, setup.Body!["findings"]!);
        }
        else if (!row.Code.StartsWith("bundle.", StringComparison.Ordinal))
        {
            // What only the other files tell ("swapped", "matches") is not known yet.
            Has(row with { Says = "" }, new JsonArray([.. refusals.SelectMany(answer => answer.Body!["findings"]!.AsArray()).Select(finding => finding!.DeepClone())]));
        }

        await UnstageAsync();
        await IsNotSetUpAsync();
    }

    [Theory]
    [MemberData(nameof(Accepted))]
    public async Task OddFiles_AreServed_AndTheFindingStays(string name)
    {
        var row = BundleTable.Cases[name];
        var files = row.Files;

        var dry = Sane(await Admin.ValidateSslAsync(files.Key, files.Certificate, files.Chain, files.Passphrase)).EnsureSuccess();
        foreach (var (slot, _, content) in Slots)
        {
            Sane(await Admin.StageAsync(slot, content(files)!, slot + ".pem", slot == "private-key" ? files.Passphrase : null)).EnsureSuccess();
        }

        var setup = Sane(await Admin.PostAsync("ssl/setup"));
        Assert.True(setup.Status == HttpStatusCode.OK, setup.Text);
        var shown = Sane(await Admin.GetAsync("ssl")).EnsureSuccess().Body!;
        Assert.Equal("Setup", (string?)shown["state"]);
        foreach (var findings in new[] { dry.Body!["findings"]!, setup.Body!["findings"]!, shown["findings"]! })
        {
            Has(row, findings);
        }

        Assert.Equal((string?)shown["certificate"]!["sha256Fingerprint"], await OutsideHandshake.FingerprintAsync(Ports.Mqtts));
        Sane(await Admin.DeleteAsync("ssl")).EnsureSuccess();
        await IsNotSetUpAsync();
    }

    /// <summary>Every row that is refused, as a replacement.</summary>
    [Fact]
    public async Task BadFiles_OverASetUp_LeaveItServing()
    {
        using var good = new TestCertificates();
        var before = (await Admin.PutSslAsync(good.KeyPkcs8Pem, good.ServerPem, good.ChainPem)).EnsureSuccess().Body!;
        foreach (var (name, row) in BundleTable.Cases.Where(row => row.Value.IsError))
        {
            var files = row.Files;
            var answer = Sane(await Admin.PutSslAsync(files.Key, files.Certificate, files.Chain, passphrase: files.Passphrase));
            Assert.True((int)answer.Status is 400 or 413, $"{name}: {answer.Text}");
            var after = Sane(await Admin.GetAsync("ssl")).EnsureSuccess().Body!;
            Assert.Equal(((string?)before["state"], (long)before["revision"]!, good.ServerFingerprint), ((string?)after["state"], (long)after["revision"]!, (string?)after["certificate"]!["sha256Fingerprint"]));
        }

        foreach (var port in new[] { Ports.Mqtts, Ports.Wss, Ports.Https })
        {
            Assert.Equal(good.ServerFingerprint, await OutsideHandshake.FingerprintAsync(port));
        }

        // Row 51.
        var again = Sane(await Admin.PostAsync("ssl/setup"));
        Assert.Equal((HttpStatusCode.Conflict, "already-set-up"), (again.Status, again.Problem));

        // Row 52, over plain HTTP.
        Assert.Equal(HttpStatusCode.NoContent, Sane(await Admin.DeleteAsync("ssl")).Status);
        Assert.Equal(HttpStatusCode.NoContent, Sane(await Admin.DeleteAsync("ssl")).Status);
        await IsNotSetUpAsync();
    }

    /// <summary>Row 18: one answer names every file that is missing.</summary>
    [Fact]
    public async Task NoFileAtAll_NamesEverySlot()
    {
        var staged = Sane(await Admin.PostAsync("ssl/setup"));
        var empty = Sane(await Admin.ValidateSslAsync("", "", ""));

        Assert.Equal(HttpStatusCode.BadRequest, staged.Status);
        foreach (var (answer, code) in new[] { (staged, "file.missing"), (empty, "file.empty") })
        {
            Assert.Equal(Slots.Select(slot => (code, slot.File)), answer.Body!["findings"]!.AsArray().Select(finding => ((string)finding!["code"]!, (string)finding["file"]!)));
        }
    }

    /// <summary>Row 47: a file name is a label, cut to 255 characters, and never a path.</summary>
    [Theory]
    [InlineData("../../../../etc/passwd")]
    [InlineData("<img src=x onerror=alert(1)>")]
    [InlineData("\u202Emep.revres \u00E4\u00F6.pem")]
    [InlineData("long")]
    public async Task FileName_IsALabel(string name)
    {
        name = name == "long" ? new string('n', 5000) : name;
        var before = Directory.EnumerateFileSystemEntries(fixture.Broker.DataDirectory, "*", SearchOption.AllDirectories).Order().ToList();

        Sane(await Admin.StageAsync("server-certificate", TestPki.LeafPem, name)).EnsureSuccess();
        var label = (string)Sane(await Admin.GetAsync("ssl")).EnsureSuccess().Body!["staged"]!["serverCertificate"]!["fileName"]!;

        Assert.InRange(label.Length, 1, 255);
        Assert.DoesNotContain(label, char.IsControl);
        Assert.Equal(before, Directory.EnumerateFileSystemEntries(fixture.Broker.DataDirectory, "*", SearchOption.AllDirectories).Order());
        Sane(await Admin.DeleteAsync("ssl/files/server-certificate")).EnsureSuccess();
        await IsNotSetUpAsync();
    }

    private static void Has(BundleCase row, JsonNode findings)
    {
        var all = findings.AsArray();
        if (row.Code.Length == 0)
        {
            Assert.Empty(all);
            return;
        }

        var found = all.FirstOrDefault(finding => (string?)finding!["code"] == row.Code && (string?)finding["severity"] == row.Severity && (string?)finding["file"] == row.File
            && (int?)finding["block"] == row.Block && (int?)finding["line"] == row.Line);
        Assert.True(found is not null, $"expected {row.Severity} {row.Code} in {row.File}, block {row.Block}, line {row.Line}; got {findings.ToJsonString()}");
        Assert.Contains(row.Says, $"{found["message"]} {found["remedy"]}", StringComparison.Ordinal);
        Assert.All(all, finding => Assert.False(string.IsNullOrWhiteSpace((string?)finding!["message"]) || string.IsNullOrWhiteSpace((string?)finding["remedy"])));
    }

    /// <summary>Whatever the answer, it is no failure of the server and shows nothing of its inside.</summary>
    private static AdminAnswer Sane(AdminAnswer answer)
    {
        Assert.True((int)answer.Status < 500, $"{(int)answer.Status}: {answer.Text}");
        Assert.DoesNotContain("   at ", answer.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", answer.Text, StringComparison.Ordinal);
        return answer;
    }

    private async Task UnstageAsync()
    {
        foreach (var (slot, _, _) in Slots)
        {
            Sane(await Admin.DeleteAsync("ssl/files/" + slot)).EnsureSuccess();
        }
    }

    private async Task IsNotSetUpAsync()
    {
        var shown = Sane(await Admin.GetAsync("ssl")).EnsureSuccess().Body!;
        Assert.Equal("NotSetup", (string?)shown["state"]);
        Assert.Null(shown["certificate"]);
        Assert.Null(await OutsideHandshake.FingerprintAsync(Ports.Mqtts));
    }
}
