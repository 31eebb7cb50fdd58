using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Stores;
using Chariot.Grains.Tests.Kit;

namespace Chariot.Grains.Tests.Configuration;

public sealed class SslSetupTests(OneSilo kit) : ConfigurationTest(kit)
{
    [Fact]
    public async Task Setup_PreparesEverySiloThenActivates()
    {
        var (_, other) = Kit.AddSilo();

        var result = await Grain.SetupSslAsync(Ssl("one"), false, null);

        Assert.Equal((ChangeOutcome.Applied, 1L), (result.Outcome, result.Revision));
        Assert.Equal("one", Assert.Single(other.Prepared));
        Assert.Equal("one", Assert.Single(other.Applied).Configuration.Ssl!.SetupId);
        Assert.Empty(other.Abandoned);
    }

    [Fact]
    public async Task Setup_ThatOneSiloCannotPrepare_ChangesNothing()
    {
        await Grain.SetMqttAsync(new MqttSettings(), null);
        await Grain.StageAsync(SslFile.PrivateKey, Staged());
        var (_, failing) = Kit.AddSilo();
        failing.PrepareError = "Port 8883 is in use.";
        var writes = Kit.Storage.Writes;

        var result = await Grain.SetupSslAsync(Ssl("one"), false, null);

        Assert.Equal((ChangeOutcome.SiloCannotActivate, 1L), (result.Outcome, result.Revision));
        Assert.Equal([null, "Port 8883 is in use."], result.Nodes.Select(node => node.Error));
        Assert.Equal("one", Assert.Single(failing.Abandoned));
        Assert.Equal("one", Assert.Single(Kit.Link(Kit.Silos[0]).Abandoned));
        Assert.Equal(writes, Kit.Storage.Writes);
        Assert.Null((await Grain.GetAsync()).Ssl);
        Assert.Single(await Grain.GetStagedAsync());
        Assert.DoesNotContain(failing.Applied, update => update.Configuration.Ssl is not null);
    }

    [Fact]
    public async Task Setup_ThatCannotBeWritten_IsAbandoned()
    {
        Kit.Storage.OnWrite = _ => throw new IOException("disk full");

        await Assert.ThrowsAnyAsync<Exception>(async () => await Grain.SetupSslAsync(Ssl("one"), false, null));

        Assert.Equal("one", Assert.Single(Kit.Link(Kit.Silos[0]).Abandoned));
        Assert.Null((await Grain.GetAsync()).Ssl);
    }

    [Fact]
    public async Task TwoSetupsAtOnce_HaveOneWinner()
    {
        var results = await Task.WhenAll(Grain.SetupSslAsync(Ssl("one"), false, null).AsTask(), Grain.SetupSslAsync(Ssl("two"), false, null).AsTask());

        Assert.Equal([ChangeOutcome.Applied, ChangeOutcome.AlreadySetUp], results.Select(result => result.Outcome).Order());
        Assert.Equal(results[0].Outcome == ChangeOutcome.Applied ? "one" : "two", (await Grain.GetAsync()).Ssl!.SetupId);
    }

    [Fact]
    public async Task Replace_TakesOverAndErasesTheOldKey()
    {
        await Grain.SetupSslAsync(Ssl("one"), false, null);
        Assert.Equal(0, Kit.Maintenance.Erasures);

        var result = await Grain.SetupSslAsync(Ssl("two"), true, 1);

        Assert.Equal(ChangeOutcome.Applied, result.Outcome);
        Assert.Equal("two", (await Grain.GetAsync()).Ssl!.SetupId);
        await Eventually.HoldsAsync(() => Kit.Maintenance.Erasures == 1);
    }

    [Fact]
    public async Task Delete_ErasesBeforeItAnswers()
    {
        await Grain.StageAsync(SslFile.PrivateKey, Staged());
        await Grain.SetupSslAsync(Ssl("one"), false, null);
        await Eventually.HoldsAsync(() => Kit.Maintenance.Erasures == 1);
        await Grain.StageAsync(SslFile.CaChain, Staged());

        var result = await Grain.DeleteSslAsync(null);

        Assert.Equal((ChangeOutcome.Applied, 2L), (result.Outcome, result.Revision));
        Assert.Equal(2, Kit.Maintenance.Erasures);
        Assert.Null((await Grain.GetAsync()).Ssl);
        Assert.Empty(await Grain.GetStagedAsync());
        Assert.Null(Kit.Link(Kit.Silos[0]).Applied.Last().Configuration.Ssl);
    }

    [Fact]
    public async Task Delete_IsNotRefusedForASiloThatFails()
    {
        var (_, failing) = Kit.AddSilo();
        await Grain.SetupSslAsync(Ssl("one"), false, null);
        failing.OnApply = () => throw new IOException("away");

        var result = await Grain.DeleteSslAsync(null);

        Assert.Equal(ChangeOutcome.Applied, result.Outcome);
        Assert.Equal([true, false], result.Nodes.Select(node => node.Applied));
        Assert.Null((await Grain.GetAsync()).Ssl);
    }

    [Fact]
    public async Task Delete_ThatCannotErase_FailsAndIsFinishedWhenAskedAgain()
    {
        await Grain.SetupSslAsync(Ssl("one"), false, null);
        Kit.Maintenance.OnErase = () => throw new IOException("busy");

        await Assert.ThrowsAnyAsync<Exception>(async () => await Grain.DeleteSslAsync(null));
        Assert.Null((await Grain.GetAsync()).Ssl);
        Kit.Maintenance.OnErase = null;
        var again = await Grain.DeleteSslAsync(null);

        Assert.Equal((ChangeOutcome.Applied, 2L), (again.Outcome, again.Revision));
        Assert.Equal(1, Kit.Maintenance.Erasures);
    }

    [Fact]
    public async Task ErasureThatWasInterrupted_IsFinishedByTheNextActivation()
    {
        await Grain.SetupSslAsync(Ssl("one"), false, null);
        Kit.Maintenance.OnErase = () => throw new IOException("busy");
        await Assert.ThrowsAnyAsync<Exception>(async () => await Grain.DeleteSslAsync(null));
        Kit.Maintenance.OnErase = null;
        await Kit.Cluster.DeactivateAsync(Grain);

        await Grain.GetAsync();

        await Eventually.HoldsAsync(() => Kit.Maintenance.Erasures == 1);
    }

    [Fact]
    public async Task StagedFiles_AreKeptOverReactivationAndClearedBySetup()
    {
        var key = Staged();
        await Grain.StageAsync(SslFile.PrivateKey, key);
        await Grain.StageAsync(SslFile.CaChain, Staged());
        await Kit.Cluster.DeactivateAsync(Grain);

        var staged = await Grain.GetStagedAsync();
        Assert.Equal(2, staged.Count);
        Assert.Equal(key.Content.Ciphertext, staged[SslFile.PrivateKey].Content.Ciphertext);
        Assert.Equal(0, (await Grain.GetAsync()).Revision);

        await Grain.SetupSslAsync(Ssl("one"), false, null);
        Assert.Empty(await Grain.GetStagedAsync());
    }

    [Fact]
    public async Task StagedFile_ThatIsRemovedOrReplaced_IsErased()
    {
        await Grain.StageAsync(SslFile.PrivateKey, Staged());
        await Grain.StageAsync(SslFile.PrivateKey, Staged());
        await Eventually.HoldsAsync(() => Kit.Maintenance.Erasures == 1);

        await Grain.StageAsync(SslFile.PrivateKey, null);

        Assert.Empty(await Grain.GetStagedAsync());
        await Eventually.HoldsAsync(() => Kit.Maintenance.Erasures == 2);
    }

    [Fact]
    public async Task StagedFile_ThatExpires_IsDroppedAndErasedByItself()
    {
        await Grain.StageAsync(SslFile.PrivateKey, Staged(TimeSpan.FromMilliseconds(300)));

        // Nothing but its expiry calls for an erasure here.
        await Eventually.HoldsAsync(() => Kit.Maintenance.Erasures == 1);

        Assert.Empty(await Grain.GetStagedAsync());
    }

    [Fact]
    public async Task StagedFile_PastItsTime_IsNotShown()
    {
        await Grain.StageAsync(SslFile.PrivateKey, Staged());
        Kit.Time.Advance(TimeSpan.FromMinutes(16));

        Assert.Empty(await Grain.GetStagedAsync());
    }

    private StagedSslFile Staged(TimeSpan? life = null) =>
        new(Sealed(), new SslFileLabel("key.pem", DateTimeOffset.UnixEpoch), [], "an EC key", Kit.Time.GetUtcNow() + (life ?? TimeSpan.FromMinutes(15)));
}
