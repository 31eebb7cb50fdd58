using Chariot.Abstractions.Configuration;
using Chariot.Grains.Tests.Kit;

namespace Chariot.Grains.Tests.Configuration;

/// <summary>A key that was generated on the server waits for its certificate; uploads come and go meanwhile.</summary>
public sealed class GeneratedKeyTests(OneSilo kit) : ConfigurationTest(kit)
{
    [Fact]
    public async Task GeneratedKey_OutlivesUploadsAndReactivation()
    {
        await Grain.StageAsync(SslFile.CaChain, Uploaded());
        await Grain.StageAsync(SslFile.PrivateKey, Generated("one"));
        Kit.Time.Advance(TimeSpan.FromDays(30));
        await Kit.Cluster.DeactivateAsync(Grain);

        var left = Assert.Single(await Grain.GetStagedAsync());

        Assert.Equal((SslFile.PrivateKey, "one"), (left.Key, left.Value.GeneratedKeyId));
    }

    [Fact]
    public async Task GeneratedKey_IsReplacedByTheNextOne_WhichErasesIt()
    {
        await Grain.StageAsync(SslFile.PrivateKey, Generated("one"));
        await Grain.StageAsync(SslFile.PrivateKey, Generated("two"));

        Assert.Equal("two", await StagedKeyAsync());
        await Eventually.HoldsAsync(() => Kit.Maintenance.Erasures == 1);
    }

    [Fact]
    public async Task UploadedKey_StandsBeforeTheGeneratedOne_UntilItIsRemoved()
    {
        await Grain.StageAsync(SslFile.PrivateKey, Generated("one"));
        await Grain.StageAsync(SslFile.PrivateKey, Uploaded());
        Assert.Null(await StagedKeyAsync());

        await Grain.StageAsync(SslFile.PrivateKey, null);
        Assert.Equal("one", await StagedKeyAsync());

        await Grain.StageAsync(SslFile.PrivateKey, null);
        Assert.Empty(await Grain.GetStagedAsync());
    }

    [Fact]
    public async Task Setup_TakesItsGeneratedKey_AndLeavesAnother()
    {
        await Grain.StageAsync(SslFile.PrivateKey, Generated("one"));

        await Grain.SetupSslAsync(Ssl("uploaded"), false, null);
        Assert.Equal("one", await StagedKeyAsync());

        await Grain.SetupSslAsync(Ssl("generated") with { GeneratedKeyId = "one" }, true, null);
        Assert.Empty(await Grain.GetStagedAsync());
    }

    [Fact]
    public async Task Delete_DropsTheGeneratedKey_WithAndWithoutASetup()
    {
        await Grain.StageAsync(SslFile.PrivateKey, Generated("one"));
        await Grain.DeleteSslAsync(null);
        Assert.Empty(await Grain.GetStagedAsync());
        Assert.Equal(1, Kit.Maintenance.Erasures);

        await Grain.SetupSslAsync(Ssl("uploaded"), false, null);
        await Grain.StageAsync(SslFile.PrivateKey, Generated("two"));
        await Grain.DeleteSslAsync(null);
        Assert.Empty(await Grain.GetStagedAsync());
    }

    [Fact]
    public async Task History_SaysWhatEachSetupWasAndHowItEnded()
    {
        await Grain.SetupSslAsync(Ssl("one") with { SetUpBy = "admin" }, false, null);
        await Grain.SetupSslAsync(Ssl("two"), true, null);
        await Grain.DeleteSslAsync(null);
        await Grain.DeleteSslAsync(null);
        await Grain.SetupSslAsync(Ssl("three"), false, null);
        await Kit.Cluster.DeactivateAsync(Grain);

        var history = await Grain.GetSslHistoryAsync();

        Assert.Equal(["one", "two", "three"], history.Select(record => record.SetupId));
        Assert.Equal([1L, 2L, 4L], history.Select(record => record.Revision));
        Assert.Equal([SslRemoval.Replaced, SslRemoval.Deleted, null], history.Select(record => record.Removal));
        Assert.Equal([true, true, false], history.Select(record => record.RemovedAt is not null));
        Assert.Equal(("admin", "CN=broker", "one"), (history[0].SetUpBy, history[0].Subject, history[0].Sha256Fingerprint));
        Assert.Equal(history[1].SetUpAt, history[0].RemovedAt);
    }

    [Fact]
    public async Task History_KeepsTheLast20()
    {
        for (var i = 0; i < 22; i++)
        {
            await Grain.SetupSslAsync(Ssl($"setup-{i}"), true, null);
        }

        var history = await Grain.GetSslHistoryAsync();

        Assert.Equal((20, "setup-2", "setup-21"), (history.Length, history[0].SetupId, history[^1].SetupId));
    }

    [Fact]
    public async Task Setup_ThatWasRefused_IsNoHistory()
    {
        Kit.Link(Kit.Silos[0]).PrepareError = "no";

        await Grain.SetupSslAsync(Ssl("one"), false, null);

        Assert.Empty(await Grain.GetSslHistoryAsync());
    }

    private async Task<string?> StagedKeyAsync() => (await Grain.GetStagedAsync())[SslFile.PrivateKey].GeneratedKeyId;

    private static StagedSslFile Generated(string id) =>
        new(Sealed(), new SslFileLabel("generated", DateTimeOffset.UnixEpoch), [], "an RSA key", DateTimeOffset.MaxValue) { GeneratedKeyId = id };

    private StagedSslFile Uploaded() =>
        new(Sealed(), new SslFileLabel("key.pem", DateTimeOffset.UnixEpoch), [], "an RSA key", Kit.Time.GetUtcNow() + TimeSpan.FromMinutes(15));
}
