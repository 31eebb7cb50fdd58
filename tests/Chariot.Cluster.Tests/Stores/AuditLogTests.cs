using Chariot.Abstractions.Stores;
using Chariot.Cluster.Stores;

namespace Chariot.Cluster.Tests.Stores;

public sealed class AuditLogTests : IDisposable
{
    private readonly StoreFixture _fixture = new();

    private SqliteAuditLog Log => new(_fixture.Store);

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public async Task Entries_ComeBackNewestFirst_InPages()
    {
        await AppendAsync(5);

        var first = await Log.ReadAsync(null, 2);
        var second = await Log.ReadAsync(first[^1].Id, 10);

        Assert.Equal([5L, 4L], first.Select(entry => entry.Id));
        Assert.Equal([3L, 2L, 1L], second.Select(entry => entry.Id));
        Assert.Equal(Entry(5) with { Id = 5 }, first[0]);
    }

    [Fact]
    public async Task AWholeChain_Verifies_AlsoAfterAReopen()
    {
        Assert.Null(await _fixture.Store.VerifyAuditAsync());
        await AppendAsync(2_500);
        _fixture.Reopen();
        await AppendAsync(1);

        Assert.Null(await _fixture.Store.VerifyAuditAsync());
    }

    [Theory]
    [InlineData("UPDATE audit SET detail = '{}' WHERE id = 3", 3)]
    [InlineData("UPDATE audit SET at = at + 1 WHERE id = 1", 1)]
    [InlineData("UPDATE audit SET actor = 'actor:', address = '' WHERE id = 2", 2)]
    [InlineData("DELETE FROM audit WHERE id = 4", 4)]
    [InlineData("DELETE FROM audit WHERE id >= 9", 9)]
    [InlineData("DELETE FROM audit", 1)]
    [InlineData("UPDATE audit SET id = 100 WHERE id = 5", 5)]
    public async Task ADoctoredLog_IsDetected_AtTheFirstBadEntry(string doctoring, long broken)
    {
        await AppendAsync(10);

        await _fixture.Store.WriteAsync(transaction =>
        {
            transaction.Connection.Execute(doctoring);
            return true;
        }, outsideTransaction: true);

        Assert.Equal(broken, await _fixture.Store.VerifyAuditAsync());
    }

    private static AuditEntry Entry(int number) => new(
        0, new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero).AddTicks(number), "admin", ":1", "credential.update", "gerät-" + number, "ok", "{\"before\":null}");

    private async Task AppendAsync(int count) => await Task.WhenAll(Enumerable.Range(1, count).Select(number => Log.AppendAsync(Entry(number))));
}
