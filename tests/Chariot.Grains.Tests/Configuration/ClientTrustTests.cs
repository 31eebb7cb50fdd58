using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Stores;
using Chariot.Grains.Tests.Kit;

namespace Chariot.Grains.Tests.Configuration;

public sealed class ClientTrustTests(OneSilo kit) : ConfigurationTest(kit)
{
    [Fact]
    public async Task Trust_IsCommittedUnderItsRevision_PushedByName_AndSurvivesTheGrain()
    {
        var result = await Grain.SetClientTrustAsync(Trust(7), 0);

        Assert.Equal(ChangeOutcome.Applied, result.Outcome);
        Assert.Equal(result.Revision, (await Grain.GetAsync()).ClientTrustRevision);
        await Kit.AppliedAsync(result.Revision);
        await Kit.Cluster.DeactivateAsync(Grain);
        var trust = await Grain.GetClientTrustAsync();
        Assert.Equal(result.Revision, trust.Revision);
        Assert.True(SerialNumbers.Contains(trust.RevokedSerials, [7]));
    }

    [Fact]
    public async Task OtherChanges_LeaveTheTrustAndItsRecordAlone()
    {
        var set = await Grain.SetClientTrustAsync(Trust(7), 0);
        var writes = new List<string>();
        Kit.Storage.OnWrite = name =>
        {
            writes.Add(name);
            return Task.CompletedTask;
        };

        await Grain.SetMqttAsync(new MqttSettings(), null);

        Assert.DoesNotContain(StateNames.ClientTrust, writes);
        Assert.Equal(set.Revision, (await Grain.GetAsync()).ClientTrustRevision);
    }

    [Fact]
    public async Task Trust_BasedOnAnOlderOne_IsRefused()
    {
        var first = await Grain.SetClientTrustAsync(Trust(1), 0);

        Assert.Equal(ChangeOutcome.RevisionConflict, (await Grain.SetClientTrustAsync(Trust(2), 0)).Outcome);
        Assert.Equal(ChangeOutcome.Applied, (await Grain.SetClientTrustAsync(Trust(2), first.Revision)).Outcome);
    }

    [Theory]
    [InlineData(StateNames.ClientTrust)]
    [InlineData(StateNames.Configuration)]
    public async Task FailedWrite_LeavesTheTrustInForce(string failing)
    {
        var first = await Grain.SetClientTrustAsync(Trust(1), 0);
        Kit.Storage.OnWrite = name => name == failing ? throw new IOException("full") : Task.CompletedTask;

        await Assert.ThrowsAnyAsync<Exception>(() => Grain.SetClientTrustAsync(Trust(2), first.Revision).AsTask());
        Kit.Storage.OnWrite = null;

        var trust = await Grain.GetClientTrustAsync();
        Assert.Equal(first.Revision, trust.Revision);
        Assert.True(SerialNumbers.Contains(trust.RevokedSerials, [1]));
        Assert.Equal(first.Revision, (await Grain.GetAsync()).ClientTrustRevision);
        Assert.Equal(ChangeOutcome.Applied, (await Grain.SetClientTrustAsync(Trust(3), first.Revision)).Outcome);
        Assert.True(SerialNumbers.Contains((await Grain.GetClientTrustAsync()).RevokedSerials, [3]));
    }

    [Fact]
    public async Task Mapping_ToAnUnknownCredential_IsRefused_AndDelete_OfAMappedOne_Too()
    {
        var mapped = Trust(1) with { Mappings = [new CertificateMapping(CertificateField.CommonName, "device", "mapped-user")] };
        Credential("mapped-user");
        Assert.Equal(ChangeOutcome.UnknownCredential, (await Grain.SetClientTrustAsync(mapped, 0)).Outcome);
        await PutAsync("mapped-user", create: true);

        var set = await Grain.SetClientTrustAsync(mapped, 0);

        Assert.Equal(ChangeOutcome.Applied, set.Outcome);
        Assert.Equal(ChangeOutcome.CredentialInUse, (await Grain.DeleteCredentialAsync("mapped-user", null)).Outcome);
        Assert.Equal(ChangeOutcome.Applied, (await PutAsync("mapped-user", create: false, enabled: false)).Outcome);
        Assert.Equal(ChangeOutcome.Applied, (await Grain.SetClientTrustAsync(Trust(1), set.Revision)).Outcome);
        Assert.Equal(ChangeOutcome.Applied, (await Grain.DeleteCredentialAsync("mapped-user", null)).Outcome);
    }

    private static ClientTrust Trust(byte serial) => new() { RevokedSerials = SerialNumbers.Pack([[serial]]) };
}
