using Chariot.Abstractions.Stores;
using Chariot.Cluster.Stores;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;
using Orleans.TestingHost;

namespace Chariot.Cluster.Tests.Stores;

public sealed class SiloStorageTests
{
    [Fact]
    public async Task AGrainsState_OutlivesItsSilo()
    {
        var directory = Path.Combine(Path.GetTempPath(), "chariot-store-" + Path.GetRandomFileName());
        try
        {
            await using (var cluster = await DeployAsync(directory))
            {
                await cluster.Client.GetGrain<INoteGrain>("key").SetAsync("kept");
            }

            await using (var cluster = await DeployAsync(directory))
            {
                Assert.Equal("kept", await cluster.Client.GetGrain<INoteGrain>("key").GetAsync());
                var index = cluster.Silos[0].ServiceProvider.GetRequiredService<IGrainStateIndex>();
                Assert.Equal(("key", "kept"), (await index.ReadAsync<TestState>("note", null, 10)).Select(row => (row.Key, row.Value.Text)).Single());
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static async Task<InProcessTestCluster> DeployAsync(string directory)
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureSilo((_, silo) => silo.Services.AddSqliteStore(directory));
        var cluster = builder.Build();
        await cluster.DeployAsync();
        return cluster;
    }
}

[Alias("chariot.test-note.v1")]
public interface INoteGrain : IGrainWithStringKey
{
    [Alias("set")]
    Task SetAsync(string text);

    [Alias("get")]
    Task<string> GetAsync();
}

public sealed class NoteGrain([PersistentState("note", StateNames.Provider)] IPersistentState<TestState> state) : Grain, INoteGrain
{
    public Task SetAsync(string text)
    {
        state.State.Text = text;
        return state.WriteStateAsync();
    }

    public Task<string> GetAsync() => Task.FromResult(state.State.Text);
}
