using System.Net;
using Chariot.Cluster.Stores.Azure;
using Orleans.Runtime;

namespace Chariot.Cluster.Tests.Stores;

/// <summary>The cases of Orleans' own MembershipTableTestsBase.</summary>
[Collection(AzureTests.Name)]
public sealed class AzureMembershipTests(AzureFixture azure) : IAsyncLifetime
{
    private static int _generation;
    private AzureMembershipTable _table = null!;

    public async Task InitializeAsync()
    {
        var account = await AzureAccount.OpenAsync(azure.Server.ConnectionString, azure.NextClusterId(), default);
        _table = new AzureMembershipTable(account);
        await _table.InitializeMembershipTable(true);
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task AnEmptyTable_HasVersionZero_AlsoWhenInitialisedTwice()
    {
        await _table.InitializeMembershipTable(true);
        var data = await _table.ReadAll();

        Assert.Empty(data.Members);
        Assert.Equal(0, data.Version.Version);
        Assert.NotNull(data.Version.VersionEtag);
    }

    [Fact]
    public async Task Gateways_AreActiveSilosWithAProxyPort()
    {
        var active = Entry(SiloStatus.Active);
        var noProxy = Entry(SiloStatus.Active);
        noProxy.ProxyPort = 0;
        foreach (var entry in new[] { active, Entry(SiloStatus.Joining), Entry(SiloStatus.Dead), noProxy })
        {
            Assert.True(await InsertAsync(entry));
        }

        var gateway = Assert.Single(await _table.GetGatewaysAsync());
        Assert.Equal((active.ProxyPort, active.SiloAddress.Generation), (gateway.Port, int.Parse(gateway.AbsolutePath.Trim('/'))));
    }

    [Fact]
    public async Task ASecondInsert_OrOneOfAnOldVersion_IsRefused()
    {
        var entry = Entry(SiloStatus.Joining);
        var before = await _table.ReadAll();
        Assert.True(await _table.InsertRow(entry, before.Version.Next()));
        Assert.False(await _table.InsertRow(entry, (await _table.ReadAll()).Version.Next()));
        Assert.False(await _table.InsertRow(Entry(SiloStatus.Joining), before.Version.Next()));

        var data = await _table.ReadAll();
        Assert.Equal(1, data.Version.Version);
        AssertSame(entry, Assert.Single(data.Members).Item1);
    }

    [Fact]
    public async Task ReadRow_GivesTheRow_AndTheVersionWithoutOne()
    {
        var entries = Enumerable.Range(0, 5).Select(_ => Entry(SiloStatus.Active)).ToList();
        foreach (var entry in entries)
        {
            Assert.True(await InsertAsync(entry));
        }

        AssertSame(entries[2], Assert.Single((await _table.ReadRow(entries[2].SiloAddress)).Members).Item1);
        var none = await _table.ReadRow(Entry(SiloStatus.Active).SiloAddress);
        Assert.Empty(none.Members);
        Assert.Equal(5, none.Version.Version);
    }

    [Fact]
    public async Task AnUpdate_NeedsTheTagsOfRowAndVersion()
    {
        var entry = Entry(SiloStatus.Joining);
        Assert.True(await InsertAsync(entry));
        for (var i = 1; i <= 5; i++)
        {
            var data = await _table.ReadRow(entry.SiloAddress);
            var (row, tag) = Assert.Single(data.Members);
            row.SuspectTimes = [.. row.SuspectTimes ?? [], Tuple.Create(entry.SiloAddress, DateTime.UtcNow)];
            row.Status = SiloStatus.Active;

            Assert.False(await _table.UpdateRow(row, "wrong", data.Version.Next()));
            Assert.True(await _table.UpdateRow(row, tag, data.Version.Next()));
            Assert.False(await _table.UpdateRow(row, tag, data.Version.Next()));

            var after = await _table.ReadAll();
            Assert.Equal(data.Version.Version + 1, after.Version.Version);
            AssertSame(row, Assert.Single(after.Members).Item1);
            Assert.NotEqual(tag, after.Members[0].Item2);
        }

        var other = Entry(SiloStatus.Active);
        Assert.False(await _table.UpdateRow(other, "1", (await _table.ReadAll()).Version.Next()));
    }

    [Fact]
    public async Task UpdatesAtOnce_AllSucceedInTheEnd_OneAtATime()
    {
        var entries = Enumerable.Range(0, 8).Select(_ => Entry(SiloStatus.Joining)).ToList();
        foreach (var entry in entries)
        {
            Assert.True(await InsertAsync(entry));
        }

        await Task.WhenAll(entries.Select(async entry =>
        {
            for (var done = false; !done;)
            {
                var data = await _table.ReadAll();
                var (row, tag) = data.Members.Single(member => member.Item1.SiloAddress.Equals(entry.SiloAddress));
                row.Status = SiloStatus.Active;
                done = await _table.UpdateRow(row, tag, data.Version.Next());
            }
        }));

        var after = await _table.ReadAll();
        Assert.All(after.Members, member => Assert.Equal(SiloStatus.Active, member.Item1.Status));
        Assert.Equal(16, after.Version.Version);
    }

    [Fact]
    public async Task ASignOfLife_ChangesNoVersion_AndFailsNobodysUpdate()
    {
        var entry = Entry(SiloStatus.Active);
        Assert.True(await InsertAsync(entry));
        var before = await _table.ReadAll();
        var (row, tag) = before.Members[0];

        var alive = Entry(SiloStatus.Active);
        alive.SiloAddress = entry.SiloAddress;
        alive.IAmAliveTime = entry.IAmAliveTime.AddMinutes(3);
        await _table.UpdateIAmAlive(alive);

        var after = await _table.ReadAll();
        Assert.Equal(alive.IAmAliveTime, after.Members[0].Item1.IAmAliveTime);
        Assert.Equal((before.Version.Version, before.Version.VersionEtag), (after.Version.Version, after.Version.VersionEtag));
        row.Status = SiloStatus.ShuttingDown;
        Assert.True(await _table.UpdateRow(row, tag, before.Version.Next()));
    }

    [Fact]
    public async Task Cleanup_RemovesOldRowsThatAreNotActive()
    {
        var old = DateTime.UtcNow.AddDays(-10);
        var (dead, oldActive, recentDead) = (Entry(SiloStatus.Dead), Entry(SiloStatus.Active), Entry(SiloStatus.Dead));
        dead.IAmAliveTime = oldActive.IAmAliveTime = old;
        foreach (var entry in new[] { dead, oldActive, recentDead })
        {
            Assert.True(await InsertAsync(entry));
        }

        await _table.CleanupDefunctSiloEntries(DateTimeOffset.UtcNow.AddDays(-1));

        Assert.Equal(
            new[] { oldActive.SiloAddress, recentDead.SiloAddress }.Order(), (await _table.ReadAll()).Members.Select(member => member.Item1.SiloAddress).Order());
    }

    [Fact]
    public async Task ADeletedTable_IsEmpty()
    {
        Assert.True(await InsertAsync(Entry(SiloStatus.Active)));

        await _table.DeleteMembershipTableEntries("any");

        Assert.Empty((await _table.ReadAll()).Members);
    }

    private static MembershipEntry Entry(SiloStatus status)
    {
        var generation = Interlocked.Increment(ref _generation);
        var now = new DateTime(2026, 1, 2, 3, 4, 5, 678, DateTimeKind.Utc).AddSeconds(generation);
        return new MembershipEntry
        {
            SiloAddress = SiloAddress.New(new IPEndPoint(IPAddress.Loopback, 11111), generation),
            HostName = "host",
            SiloName = "node-ü",
            Status = status,
            ProxyPort = 30000 + (generation % 1000),
            StartTime = now,
            IAmAliveTime = DateTime.UtcNow,
            SuspectTimes = [],
        };
    }

    private static void AssertSame(MembershipEntry expected, MembershipEntry actual)
    {
        Assert.Equal(
            (expected.SiloAddress, expected.Status, expected.ProxyPort, expected.HostName, expected.SiloName, expected.StartTime, expected.IAmAliveTime),
            (actual.SiloAddress, actual.Status, actual.ProxyPort, actual.HostName, actual.SiloName, actual.StartTime, actual.IAmAliveTime));
        Assert.Equal(expected.SuspectTimes, actual.SuspectTimes);
    }

    private async Task<bool> InsertAsync(MembershipEntry entry) => await _table.InsertRow(entry, (await _table.ReadAll()).Version.Next());
}
