using System.Diagnostics.CodeAnalysis;
using Chariot.Abstractions.Stores;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Runtime;
using Orleans.Serialization;
using Orleans.Storage;

namespace Chariot.Cluster.Tests.Stores;

/// <summary>What Orleans asks of a provider, after the cases of its own test kit; each store has a class that runs these.</summary>
public abstract class GrainStorageTests : IAsyncLifetime
{
    private const string Name = "test-state";
    private ServiceProvider _services = null!;
    private IGrainStorage _storage = null!;
    private IGrainStateIndex _index = null!;

    /// <summary>Services with the store under test, on top of these.</summary>
    private protected abstract Task AddStoreAsync(IServiceCollection services);

    /// <summary>How many grains at once; fewer where each write is slow.</summary>
    private protected virtual int Grains => 100;

    public async Task InitializeAsync()
    {
        var services = new ServiceCollection();
        services.AddLogging().AddSerializer();
        services.Configure<ClusterOptions>(cluster => (cluster.ClusterId, cluster.ServiceId) = ("test", "test"));
        await AddStoreAsync(services);
        _services = services.BuildServiceProvider();
        _storage = _services.GetRequiredKeyedService<IGrainStorage>(StateNames.Provider);
        _index = _services.GetRequiredService<IGrainStateIndex>();
        var lifecycle = new SiloLifecycleSubject(_services.GetRequiredService<ILogger<SiloLifecycleSubject>>());
        foreach (var participant in _services.GetServices<ILifecycleParticipant<ISiloLifecycle>>())
        {
            participant.Participate(lifecycle);
        }

        await lifecycle.OnStart();
    }

    public async Task DisposeAsync() => await _services.DisposeAsync();

    [Fact]
    public async Task AMissingRecord_ReadsAsANewState()
    {
        var state = State("stale", "5");
        state.RecordExists = true;

        await _storage.ReadStateAsync(Name, Id("none"), state);

        Assert.False(state.RecordExists);
        Assert.Null(state.ETag);
        Assert.NotNull(state.State);
        Assert.Equal("", state.State.Text);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("Ümläut/и/漢字/🚗")]
    [InlineData("'; DROP TABLE grain_state; --")]
    public async Task AWrittenState_ReadsBack(string key)
    {
        var written = State("text-🚗");
        await _storage.WriteStateAsync(Name, Id(key), written);

        var read = await ReadAsync(key);

        Assert.True(written.RecordExists && read.RecordExists);
        Assert.Equal((written.ETag, "text-🚗", 7), (read.ETag, read.State.Text, read.State.Number));
    }

    [Fact]
    public async Task IntegerAndCompoundKeys_AreKeysOfTheirOwn()
    {
        var integer = GrainId.Create(GrainType.Create("test"), GrainIdKeyExtensions.CreateIntegerKey(long.MaxValue));
        var compound = GrainId.Create(GrainType.Create("test"), GrainIdKeyExtensions.CreateIntegerKey(long.MaxValue, "расширение"));
        await _storage.WriteStateAsync(Name, integer, State("one"));
        await _storage.WriteStateAsync(Name, compound, State("two"));

        var (first, second) = (State(""), State(""));
        await _storage.ReadStateAsync(Name, integer, first);
        await _storage.ReadStateAsync(Name, compound, second);

        Assert.Equal(("one", "two"), (first.State.Text, second.State.Text));
    }

    [Fact]
    public async Task EachWrite_ChangesTheEtag()
    {
        var state = State("1");
        var etags = new List<string?>();
        for (var i = 0; i < 3; i++)
        {
            await _storage.WriteStateAsync(Name, Id("a"), state);
            etags.Add(state.ETag);
        }

        Assert.Equal(3, etags.Distinct().Count());
    }

    [Fact]
    public async Task AWriteWithoutEtag_OverARecord_IsInconsistent()
    {
        var state = State("1");
        await _storage.WriteStateAsync(Name, Id("a"), state);

        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.WriteStateAsync(Name, Id("a"), State("2")));

        Assert.Equal("1", (await ReadAsync("a")).State.Text);
    }

    [Theory]
    [InlineData("999999")]
    [InlineData("not a number")]
    public async Task AWriteWithAnEtagOfNoRecord_IsInconsistent(string etag)
    {
        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.WriteStateAsync(Name, Id("a"), State("1", etag)));
        Assert.False((await ReadAsync("a")).RecordExists);
    }

    [Fact]
    public async Task AWriteWithAStaleEtag_IsInconsistent_AndKeepsTheEtagOfTheCaller()
    {
        var state = State("1");
        await _storage.WriteStateAsync(Name, Id("a"), state);
        var stale = State("stale", state.ETag);
        await _storage.WriteStateAsync(Name, Id("a"), state);
        var held = stale.ETag;

        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.WriteStateAsync(Name, Id("a"), stale));

        Assert.Equal(held, stale.ETag);
        Assert.Equal("1", (await ReadAsync("a")).State.Text);
    }

    [Fact]
    public async Task AClearWithAStaleEtag_IsInconsistent()
    {
        var state = State("1");
        await _storage.WriteStateAsync(Name, Id("a"), state);
        var stale = State("x", state.ETag);
        await _storage.WriteStateAsync(Name, Id("a"), state);

        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.ClearStateAsync(Name, Id("a"), stale));
        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.ClearStateAsync(Name, Id("a"), State("x")));

        Assert.True((await ReadAsync("a")).RecordExists);
    }

    [Fact]
    public async Task AfterClear_TheStateIsNew_AndCanBeWrittenAgain()
    {
        var state = State("1");
        await _storage.WriteStateAsync(Name, Id("a"), state);
        var firstEtag = state.ETag;

        await _storage.ClearStateAsync(Name, Id("a"), state);

        Assert.False(state.RecordExists);
        Assert.Null(state.ETag);
        Assert.Equal("", state.State.Text);
        Assert.False((await ReadAsync("a")).RecordExists);
        await _storage.ClearStateAsync(Name, Id("a"), state);
        await _storage.WriteStateAsync(Name, Id("a"), state);
        Assert.NotEqual(firstEtag, state.ETag);
        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.WriteStateAsync(Name, Id("a"), State("stale", firstEtag)));
    }

    [Fact]
    public async Task StateNames_AreIndependent()
    {
        await _storage.WriteStateAsync("one", Id("a"), State("1"));
        var other = State("2");
        await _storage.WriteStateAsync("two", Id("a"), other);
        await _storage.ClearStateAsync("two", Id("a"), other);

        var read = State("");
        await _storage.ReadStateAsync("one", Id("a"), read);
        Assert.Equal("1", read.State.Text);
    }

    [Fact]
    public async Task ManyGrains_WriteAndReadInParallel()
    {
        await Parallel.ForEachAsync(Enumerable.Range(0, Grains), async (number, _) =>
        {
            var state = State("");
            for (var round = 0; round < 10; round++)
            {
                var before = state.ETag;
                state.State.Number = round;
                await _storage.WriteStateAsync(Name, Id("g" + number), state);
                Assert.NotEqual(before, state.ETag);
                var read = await ReadAsync("g" + number);
                Assert.Equal((state.ETag, round), (read.ETag, read.State.Number));
            }
        });
    }

    [Fact]
    public async Task OfTwoWritersWithOneEtag_ExactlyOneWins()
    {
        var first = State("0");
        await _storage.WriteStateAsync(Name, Id("a"), first);

        var results = await Task.WhenAll(Enumerable.Range(0, 20).Select(async i =>
        {
            try
            {
                await _storage.WriteStateAsync(Name, Id("a"), State("w" + i, first.ETag));
                return true;
            }
            catch (InconsistentStateException)
            {
                return false;
            }
        }));

        Assert.Single(results, won => won);
    }

    [Fact]
    public async Task OfTwoFirstWriters_ExactlyOneWins()
    {
        for (var round = 0; round < 10; round++)
        {
            var key = "first" + round;
            var results = await Task.WhenAll(Enumerable.Range(0, 8).Select(async i =>
            {
                try
                {
                    await _storage.WriteStateAsync(Name, Id(key), State("w" + i));
                    return true;
                }
                catch (InconsistentStateException)
                {
                    return false;
                }
            }));

            Assert.Single(results, won => won);
        }

        Assert.Equal(10, (await _index.ReadAsync<TestState>(Name, null, 100)).Count);
    }

    [Fact]
    public async Task KeysThatReadLikeNumbers_AreTexts()
    {
        string[] keys = ["1", "01", "0001", "a", "A", "1+x", "00000000000000000000000000000001", "0000000000000000000000000000000A+b"];
        foreach (var key in keys)
        {
            await _storage.WriteStateAsync(Name, Id(key), State("state of " + key));
        }

        foreach (var key in keys)
        {
            Assert.Equal("state of " + key, (await ReadAsync(key)).State.Text);
        }

        Assert.Equal(keys.Order(StringComparer.Ordinal), (await _index.ReadAsync<TestState>(Name, null, 100)).Select(row => row.Key));
    }

    [Fact]
    public async Task LongKeys_AreKeysOfTheirOwn()
    {
        var (first, second) = (new string('k', 5000) + "1", new string('k', 5000) + "2");
        await _storage.WriteStateAsync(Name, Id(first), State("one"));
        await _storage.WriteStateAsync(Name, Id(second), State("two"));

        Assert.Equal(("one", "two"), ((await ReadAsync(first)).State.Text, (await ReadAsync(second)).State.Text));
        // In whatever order: page by page each comes once.
        var one = Assert.Single(await _index.ReadAsync<TestState>(Name, null, 1)).Key;
        var other = Assert.Single(await _index.ReadAsync<TestState>(Name, one, 1)).Key;
        Assert.Equal([first, second], new[] { one, other }.Order(StringComparer.Ordinal));
        Assert.Empty(await _index.ReadAsync<TestState>(Name, other, 1));
    }

    [Fact]
    public async Task AClearedState_IsNotInTheIndex()
    {
        var state = State("1");
        await _storage.WriteStateAsync(Name, Id("a"), state);
        await _storage.ClearStateAsync(Name, Id("a"), state);

        Assert.Empty(await _index.ReadAsync<TestState>(Name, null, 10));
    }

    [Fact]
    public async Task TheIndex_PagesByKey_WithPrefix()
    {
        foreach (var key in new[] { "b", "a/2", "a/1", "a0", "A", "a/\u00e9", "a/\U0001F697", "a" })
        {
            await _storage.WriteStateAsync(Name, Id(key), State("state of " + key));
        }

        await _storage.WriteStateAsync("another", Id("a/3"), State("no"));

        var all = await _index.ReadAsync<TestState>(Name, null, 100);
        Assert.Equal(["A", "a", "a/1", "a/2", "a/\u00e9", "a/\U0001F697", "a0", "b"], all.Select(row => row.Key));
        Assert.All(all, row => Assert.Equal("state of " + row.Key, row.Value.Text));
        Assert.Equal(["a/1", "a/2"], (await _index.ReadAsync<TestState>(Name, null, 2, "a/")).Select(row => row.Key));
        Assert.Equal(["a/\u00e9", "a/\U0001F697"], (await _index.ReadAsync<TestState>(Name, "a/2", 10, "a/")).Select(row => row.Key));
        Assert.Empty(await _index.ReadAsync<TestState>(Name, "b", 10));
    }

    private static GrainId Id(string key) => GrainId.Create("test", key);

    private static StoredState State(string text, string? etag = null) => new() { State = new TestState { Text = text, Number = 7 }, ETag = etag };

    private async Task<StoredState> ReadAsync(string key)
    {
        var state = State("");
        await _storage.ReadStateAsync(Name, Id(key), state);
        return state;
    }
}

[GenerateSerializer, Alias("chariot.test-state.v1")]
public sealed class TestState
{
    [Id(0)] public string Text { get; set; } = "";

    [Id(1)] public int Number { get; set; }

    [Id(2)] public byte[] Secret { get; set; } = [];
}

public sealed class StoredState : IGrainState<TestState>
{
    [AllowNull]
    public TestState State { get; set; } = new();

    public string? ETag { get; set; }

    public bool RecordExists { get; set; }
}
