using Chariot.Abstractions.Stores;
using Chariot.Cluster.Stores.Postgres;

namespace Chariot.Cluster.Tests.Stores;

[Collection(PostgresTests.Name)]
public sealed class PostgresAuditLogTests(PostgresFixture postgres) : IAsyncLifetime
{
    private PostgresStore _store = null!;
    private PostgresStore _second = null!;

    public async Task InitializeAsync()
    {
        var connectionString = await postgres.CreateDatabaseAsync();
        _store = await PostgresStore.OpenAsync(connectionString, new RecordingLogger());
        _second = await PostgresStore.OpenAsync(connectionString, new RecordingLogger());
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        await _second.DisposeAsync();
    }

    [Fact]
    public async Task TwoNodes_AppendToOneChain()
    {
        await AppendAsync(40);

        Assert.Null(await _store.VerifyAuditAsync());
        var log = new PostgresAuditLog(_second);
        var first = await log.ReadAsync(null, 30);
        var rest = await log.ReadAsync(first[^1].Id, 30);
        Assert.Equal(Enumerable.Range(1, 40).Reverse().Select(i => (long)i), first.Concat(rest).Select(entry => entry.Id));
    }

    [Theory]
    [InlineData("UPDATE audit SET detail = '{}' WHERE id = 3", 3)]
    [InlineData("DELETE FROM audit WHERE id = 4", 4)]
    [InlineData("DELETE FROM audit WHERE id >= 9", 9)]
    [InlineData("UPDATE audit SET id = 100 WHERE id = 5", 5)]
    public async Task ADoctoredLog_IsDetected_AtTheFirstBadEntry(string doctoring, long broken)
    {
        await AppendAsync(10);
        await using (var command = _store.Source.CreateCommand(doctoring))
        {
            await command.ExecuteNonQueryAsync();
        }

        Assert.Equal(broken, await _store.VerifyAuditAsync());
    }

    private async Task AppendAsync(int count) => await Task.WhenAll(Enumerable.Range(1, count).Select(number =>
        new PostgresAuditLog(number % 2 == 0 ? _store : _second).AppendAsync(new AuditEntry(
            0, new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero).AddTicks(number), "admin", ":1", "credential.update", "gerät-" + number, "ok", "{\"before\":null}"))));
}
