using Chariot.Abstractions.Stores;
using Chariot.Cluster.Stores.Azure;

namespace Chariot.Cluster.Tests.Stores;

[Collection(AzureTests.Name)]
public sealed class AzureAuditLogTests(AzureFixture azure) : IAsyncLifetime
{
    private AzureStore _store = null!;

    public async Task InitializeAsync() => _store = await AzureStore.OpenAsync(azure.Server.ConnectionString, azure.NextClusterId(), new RecordingLogger());

    public async Task DisposeAsync() => await _store.DisposeAsync();

    [Fact]
    public async Task Appends_AtOnce_MakeOneChain()
    {
        var log = new AzureAuditLog(_store.Account);
        await Task.WhenAll(Enumerable.Range(1, 12).Select(number => log.AppendAsync(Entry(number))));

        Assert.Null(await _store.VerifyAuditAsync());
        var first = await log.ReadAsync(null, 5);
        var rest = await log.ReadAsync(first[^1].Id, 30);
        Assert.Equal(Enumerable.Range(1, 12).Reverse().Select(i => (long)i), first.Concat(rest).Select(entry => entry.Id));
    }

    [Fact]
    public async Task ALongDetail_ComesBack()
    {
        var log = new AzureAuditLog(_store.Account);
        var entry = Entry(1) with { Detail = new string('d', 100_000) };
        await log.AppendAsync(entry);

        Assert.Equal(entry with { Id = 1 }, Assert.Single(await log.ReadAsync(null, 10)));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(5)]
    public async Task AMissingEntry_IsDetected(long missing)
    {
        var log = new AzureAuditLog(_store.Account);
        for (var i = 1; i <= 5; i++)
        {
            await log.AppendAsync(Entry(i));
        }

        await _store.Account.Records.DeleteEntityAsync("audit", "e" + AzureAccount.Key(missing));

        Assert.Equal(missing, await _store.VerifyAuditAsync());
    }

    private static AuditEntry Entry(int number) => new(
        0, new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero).AddTicks(number), "admin", ":1", "credential.update", "gerät-" + number, "ok", "{\"before\":null}");
}
