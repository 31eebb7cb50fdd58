using Chariot.Abstractions.Accounts;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Stores;
using Chariot.Grains.Tests.Kit;

namespace Chariot.Grains.Tests.Configuration;

/// <summary>A whole configuration in the place of another: all of it, or nothing, whatever fails in between.</summary>
public sealed class RestoreTests(OneSilo kit) : ConfigurationTest(kit)
{
    private IAccountsGrain Accounts => Kit.Cluster.Client.GetGrain<IAccountsGrain>(IAccountsGrain.Key);

    [Fact]
    public async Task Restore_ReplacesEverything_InTheNextRevision()
    {
        var restore = await PrepareAsync() with { Ssl = Ssl("restored") };

        var result = await Grain.RestoreAsync(restore);

        Assert.Equal(ChangeOutcome.Applied, result.Outcome);
        Assert.True(result.Revision > restore.ExpectedRevision);
        await IsRestoredAsync();
        Assert.Equal(result.Revision, (await Credential("saved").GetAsync())!.Revision);
        Assert.Equal("restored", (await Grain.GetAsync()).Ssl!.SetupId);
        Assert.Equal("restored", Assert.Single(await Grain.GetSslHistoryAsync()).SetupId);
        Assert.True((await Grain.GetUpdateAsync(result.Revision - 1)).ChangedCredentials.IsDefault);
        Assert.False(Kit.Storage.Contains(StateNames.Restore, IConfigurationGrain.Key));
        await Eventually.HoldsAsync(() => Kit.Maintenance.Erasures > 0);
    }

    [Theory]
    [InlineData(StateNames.Credential)]
    [InlineData(StateNames.Accounts)]
    [InlineData(StateNames.ClientTrust)]
    public async Task Restore_ThatIsCutShort_IsFinishedByTheNextActivation(string state)
    {
        var restore = await PrepareAsync();
        Kit.Storage.OnWrite = name => name == state ? throw new IOException("disk full") : Task.CompletedTask;
        await Assert.ThrowsAnyAsync<Exception>(async () => await Grain.RestoreAsync(restore));
        Kit.Storage.OnWrite = null;

        await Eventually.HoldsAsync(async () => (await Grain.GetAsync()).Revision > restore.ExpectedRevision);
        await IsRestoredAsync();
        Assert.False(Kit.Storage.Contains(StateNames.Restore, IConfigurationGrain.Key));
    }

    [Fact]
    public async Task Restore_ThatCannotBeWrittenDown_LeavesEverythingAsItWas()
    {
        var restore = await PrepareAsync() with { Ssl = Ssl("restored") };
        Kit.Storage.OnWrite = name => name == StateNames.Restore ? throw new IOException("disk full") : Task.CompletedTask;

        await Assert.ThrowsAnyAsync<Exception>(async () => await Grain.RestoreAsync(restore));

        Kit.Storage.OnWrite = null;
        await IsAsBeforeAsync(restore.ExpectedRevision);
        Assert.Equal(["restored"], Kit.Link(Kit.Silos[0]).Abandoned);
    }

    [Fact]
    public async Task Restore_OfACertificateThatASiloCannotServe_IsRefused()
    {
        var restore = await PrepareAsync() with { Ssl = Ssl("restored") };
        Kit.Link(Kit.Silos[0]).PrepareError = "port 8883 is taken";

        Assert.Equal(ChangeOutcome.SiloCannotActivate, (await Grain.RestoreAsync(restore)).Outcome);

        await IsAsBeforeAsync(restore.ExpectedRevision);
    }

    [Fact]
    public async Task Restore_OverSsl_OrOnAnotherRevision_OrForACredentialThatIsNotInIt_IsRefused()
    {
        var restore = await PrepareAsync();
        Assert.Equal(ChangeOutcome.RevisionConflict, (await Grain.RestoreAsync(restore with { ExpectedRevision = restore.ExpectedRevision - 1 })).Outcome);
        Assert.Equal(ChangeOutcome.UnknownCredential, (await Grain.RestoreAsync(restore with { Mqtt = new MqttSettings { AnonymousCredential = "gone" } })).Outcome);
        await IsAsBeforeAsync(restore.ExpectedRevision);

        var setUp = await Grain.SetupSslAsync(Ssl("first"), replace: false, null);
        var over = restore with { ExpectedRevision = setUp.Revision, Ssl = Ssl("restored") };
        Assert.Equal(ChangeOutcome.AlreadySetUp, (await Grain.RestoreAsync(over)).Outcome);
        Assert.Equal(ChangeOutcome.Applied, (await Grain.RestoreAsync(over with { Replace = true })).Outcome);
        Assert.Equal("restored", (await Grain.GetAsync()).Ssl!.SetupId);
    }

    [Fact]
    public async Task EveryDecisionAboutSsl_IsAboveWhatASiloHasSeen()
    {
        await Grain.InitializeAsync(new MqttSettings());
        Kit.Link(Kit.Silos[0]).Seen = 500;

        Assert.Equal(501, (await Grain.SetupSslAsync(Ssl("first"), replace: false, null)).Revision);
        Assert.Equal(501, (await Grain.GetAsync()).SslRevision);
        Assert.Equal(ChangeOutcome.RevisionConflict, (await Grain.ConfirmSslAsync("other", 0)).Outcome);
        Kit.Link(Kit.Silos[0]).Seen = 700;
        Assert.Equal(701, (await Grain.ConfirmSslAsync("first", 600)).Revision);
        Assert.Equal(901, (await Grain.ConfirmSslAsync("first", 900)).Revision);

        // Other changes are none.
        await Grain.SetTlsAsync(new TlsSettings { MinVersion = "1.3" }, null);
        Assert.Equal(901, (await Grain.GetAsync()).SslRevision);
        await Grain.DeleteSslAsync(null);
        Assert.Equal(903, (await Grain.GetAsync()).SslRevision);
        Assert.Equal(ChangeOutcome.NotFound, (await Grain.ConfirmSslAsync("first", 0)).Outcome);
    }

    /// <summary>A configuration with the credentials old and kept, and what is to take its place: kept and saved.</summary>
    private async Task<ConfigurationRestore> PrepareAsync()
    {
        // It may remember a store of an earlier test.
        await Accounts.HasAccountsAsync();
        await Kit.Cluster.DeactivateAsync(Accounts);
        await Accounts.InitializeAsync(new NewAccount("old-admin", AccountRole.Administrator, "old", false));
        await Grain.InitializeAsync(new MqttSettings());
        await PutAsync("old", create: true);
        await PutAsync("kept", create: true);
        Credential("saved");
        return new ConfigurationRestore
        {
            Mqtt = new MqttSettings { AllowAnonymous = true, AnonymousCredential = "saved" },
            Tls = new TlsSettings { MinVersion = "1.3" },
            Admin = new AdminSettings(),
            Credentials = [new CredentialChange("kept", "other", ["k"], [], true), new CredentialChange("saved", "verifier", ["s"], [], true)],
            RemovedCredentials = ["old"],
            ClientTrust = new ClientTrust { RevokedSerials = SerialNumbers.Pack([[7]]) },
            Accounts = [new NewAccount("new-admin", AccountRole.Administrator, "new", false)],
            ExpectedRevision = (await Grain.GetAsync()).Revision,
        };
    }

    private async Task IsRestoredAsync()
    {
        var configuration = await Grain.GetAsync();
        Assert.Equal(("saved", "1.3"), (configuration.Mqtt.AnonymousCredential, configuration.Tls.MinVersion));
        Assert.Equal(SerialNumbers.Pack([[7]]), (await Grain.GetClientTrustAsync()).RevokedSerials);
        Assert.Null(await Credential("old").GetAsync());
        Assert.Equal("other", (await Credential("kept").GetAsync())!.PasswordVerifier);
        Assert.Equal("s", Assert.Single((await Credential("saved").GetAsync())!.PublishAcl));
        Assert.Equal("new-admin", Assert.Single(await Accounts.GetAccountsAsync()).Username);
    }

    private async Task IsAsBeforeAsync(long revision)
    {
        var configuration = await Grain.GetAsync();
        Assert.Equal((revision, "1.2", false), (configuration.Revision, configuration.Tls.MinVersion, configuration.Ssl is not null));
        Assert.NotNull(await Credential("old").GetAsync());
        Assert.Equal("verifier", (await Credential("kept").GetAsync())!.PasswordVerifier);
        Assert.Null(await Credential("saved").GetAsync());
        Assert.Equal("old-admin", Assert.Single(await Accounts.GetAccountsAsync()).Username);
    }
}
