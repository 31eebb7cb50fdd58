using System.Security.Cryptography;
using System.Text;
using Chariot.Abstractions.Stores;
using Chariot.Cluster.Stores;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;
using Orleans.Serialization;
using Orleans.Storage;
using static Chariot.Cluster.Tests.Stores.StoreFixture;

namespace Chariot.Cluster.Tests.Stores;

public sealed class SecureEraseTests : IAsyncLifetime
{
    private readonly string _directory = Path.Combine(Path.GetTempPath(), "chariot-store-" + Path.GetRandomFileName());
    private readonly ServiceProvider _services;

    public SecureEraseTests() => _services = Open(_directory);

    private IGrainStorage Storage => _services.GetRequiredKeyedService<IGrainStorage>(StateNames.Provider);

    private IStoreMaintenance Maintenance => _services.GetRequiredService<IStoreMaintenance>();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _services.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Theory]
    [InlineData(64)]
    [InlineData(900)]
    [InlineData(20_000)]
    public async Task AnOverwrittenState_IsGoneFromAllFiles(int size)
    {
        var state = NewState(size);
        await Storage.WriteStateAsync("s", Id("a"), state);
        Assert.NotEqual(0, Hits());

        state.State = new TestState { Text = "replaced" };
        await Storage.WriteStateAsync("s", Id("a"), state);
        await Maintenance.EraseAsync();

        Assert.Equal(0, Hits());
    }

    [Fact]
    public async Task AClearedState_IsGoneFromAllFiles()
    {
        var state = NewState(5_000);
        await Storage.WriteStateAsync("s", Id("a"), state);
        Assert.NotEqual(0, Hits());

        await Storage.ClearStateAsync("s", Id("a"), state);
        await Maintenance.EraseAsync();

        Assert.Equal(0, Hits());
    }

    [Fact]
    public async Task AfterAnErase_WritesAndReadsGoOn()
    {
        var state = NewState(100);
        for (var round = 0; round < 3; round++)
        {
            await Storage.WriteStateAsync("s", Id("a"), state);
            var read = new StoredState();
            await Storage.ReadStateAsync("s", Id("a"), read);
            Assert.Equal(state.ETag, read.ETag);
            await Maintenance.EraseAsync((EraseScope)(round % 2));
        }

        Assert.Equal(1, Hits());
    }

    /// <summary>
    /// Rows that SQLite moved to another page before they were deleted: secure_delete alone leaves bytes of some in the old page.
    /// The first assertion shows that this run has such rows.
    /// </summary>
    [Fact]
    public async Task StatesThatMovedBetweenPages_AreGoneFromAllFiles()
    {
        var store = _services.GetRequiredService<SqliteStore>();
        var random = new Random(1);
        var live = new Dictionary<string, (long Etag, int Size)>();
        await store.WriteAsync(transaction =>
        {
            for (var i = 0; i < 20_000; i++)
            {
                var key = "k" + random.Next(1_000);
                long? etag = live.TryGetValue(key, out var known) ? known.Etag : null;
                if (etag is not null && random.Next(2) == 0)
                {
                    Assert.True(transaction.GrainStates.Clear("s", key, etag).Done);
                    live.Remove(key);
                    continue;
                }

                var size = 8 * (1 + random.Next(150));
                var result = transaction.GrainStates.Write("s", key, Repeated(size), etag, 0);
                live[key] = (result.Etag!.Value, size);
            }

            return true;
        });
        var expected = live.Values.Sum(row => row.Size) / 8;
        await store.WriteAsync(static transaction => transaction.Connection.ReadInt64("PRAGMA wal_checkpoint(TRUNCATE)"), outsideTransaction: true);
        Assert.True(Hits() > expected);

        await Maintenance.EraseAsync();

        Assert.Equal(expected, Hits());
        Assert.Equal(live.Count, await store.ReadAsync("SELECT COUNT(*) FROM grain_state", static statement => statement.ReadInt64(), default));
    }

    /// <summary>The same for the configuration, after a crash before the erase; here the log is empty already.</summary>
    [Fact]
    public async Task ConfigurationsThatMovedBetweenPages_AreErasedAtTheNextStart()
    {
        var store = _services.GetRequiredService<SqliteStore>();
        var copy = _directory + "-crashed";
        var random = new Random(1);
        await store.WriteAsync(transaction =>
        {
            var etags = new Dictionary<string, long>();
            for (var i = 0; i < 20_000; i++)
            {
                var key = "k" + random.Next(1_000);
                if (etags.Remove(key, out var etag))
                {
                    transaction.GrainStates.Clear(StateNames.Configuration, key, etag);
                    continue;
                }

                etags[key] = transaction.GrainStates.Write(StateNames.Configuration, key, Repeated(8 * (1 + random.Next(150))), null, 0).Etag!.Value;
            }

            // Of every page some rows stay, or SQLite would free and zero it whole.
            foreach (var (key, etag) in etags)
            {
                transaction.GrainStates.Write(StateNames.Configuration, key, "kept"u8, etag, 0);
            }

            return true;
        });
        await store.WriteAsync(static transaction => transaction.Connection.ReadInt64("PRAGMA wal_checkpoint(TRUNCATE)"), outsideTransaction: true);
        Directory.CreateDirectory(copy);
        File.Copy(Path.Combine(_directory, "chariot.db"), Path.Combine(copy, "chariot.db"));
        Assert.NotEqual(0, Hits(copy));

        await using (Open(copy))
        {
            Assert.Equal(0, Hits(copy));
        }

        Directory.Delete(copy, recursive: true);
    }

    [Fact]
    public async Task DeletedMessages_AreGoneFromAllFiles_WhenEverythingIsErased()
    {
        var store = _services.GetRequiredService<IMessageStore>();
        for (var i = 1; i <= 2_000; i++)
        {
            var message = Message(i * 7919 % 2_003, payload: Encoding.ASCII.GetString(NewMarker()) + new string('x', i % 700));
            var sequence = i;
            store.Submit(new TestWork(transaction =>
            {
                transaction.PutMessage(message);
                PutDelivery(transaction, 1, sequence, message.Id);
            }));
        }

        for (var i = 1; i <= 2_000; i++)
        {
            if (i % 10 != 0)
            {
                var sequence = i;
                store.Submit(new TestWork(transaction => transaction.DeleteDelivery(1, sequence)));
            }
        }

        await store.FlushAsync();
        Assert.True(Hits() > 200);

        await Maintenance.EraseAsync(EraseScope.Everything);

        Assert.Equal(200, Hits());
        Assert.Equal(200, (await store.ReadQueueAsync(1, 0, 1_000)).Count);
    }

    [Fact]
    public async Task AfterACrashBetweenChangeAndErase_TheNextStartErases()
    {
        var state = NewState(700);
        await Storage.WriteStateAsync(StateNames.Configuration, Id("0"), state);
        await Storage.ClearStateAsync(StateNames.Configuration, Id("0"), state);
        var copy = _directory + "-crashed";
        Directory.CreateDirectory(copy);
        foreach (var file in Directory.GetFiles(_directory, "chariot.db*"))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }

        Assert.NotEqual(0, Hits(copy));
        await using (Open(copy))
        {
            Assert.Equal(0, Hits(copy));
        }

        Directory.Delete(copy, recursive: true);
    }

    [Fact]
    public async Task AnEraseThatAReaderHoldsUp_CompletesWhenTheReaderEnds()
    {
        var state = NewState(700);
        await Storage.WriteStateAsync("s", Id("a"), state);
        await using var reader = new SqliteConnection($"Data Source={Path.Combine(_directory, "chariot.db")};Pooling=False");
        await reader.OpenAsync();
        await using (var select = reader.CreateCommand())
        {
            select.CommandText = "BEGIN; SELECT COUNT(*) FROM grain_state";
            await select.ExecuteScalarAsync();
        }

        await Storage.ClearStateAsync("s", Id("a"), state);
        var erase = Maintenance.EraseAsync();
        // The reader's snapshot needs the log, so the erase cannot have ended.
        await _services.GetRequiredService<IMessageStore>().FlushAsync();
        await _services.GetRequiredService<IMessageStore>().FlushAsync();
        Assert.False(erase.IsCompleted);

        await using (var end = reader.CreateCommand())
        {
            end.CommandText = "COMMIT";
            await end.ExecuteNonQueryAsync();
        }

        await erase;
        Assert.Equal(0, Hits());
    }

    private static ServiceProvider Open(string directory)
    {
        var services = new ServiceCollection().AddLogging().AddSerializer().AddSqliteStore(directory).BuildServiceProvider();
        services.GetRequiredService<IMessageStore>();
        return services;
    }

    private static GrainId Id(string key) => GrainId.Create("test", key);

    private static StoredState NewState(int size)
    {
        var secret = new byte[size];
        NewMarker().CopyTo(secret, 0);
        return new StoredState { State = new TestState { Secret = secret } };
    }

    /// <summary>64 bytes, the first 8 the same in all so that one scan finds all of them.</summary>
    private static byte[] NewMarker() => Encoding.ASCII.GetBytes("#CANARY#" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(28)));

    /// <summary>Nothing but the common part of the markers, so that a piece of a row is found too.</summary>
    private static byte[] Repeated(int size) => Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("#CANARY#", size / 8)));

    private int Hits() => Hits(_directory);

    /// <summary>How often the common part of the markers occurs in any file.</summary>
    private static int Hits(string directory)
    {
        var hits = 0;
        foreach (var file in Directory.GetFiles(directory))
        {
            if (Path.GetFileName(file) == "chariot.lock")
            {
                continue;
            }

            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            var bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            for (var rest = bytes.AsSpan(); rest.IndexOf("#CANARY#"u8) is var at and >= 0; rest = rest[(at + 8)..])
            {
                hits++;
            }
        }

        return hits;
    }
}
