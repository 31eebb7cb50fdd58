using System.Collections.Concurrent;
using Orleans.Runtime;
using Orleans.Serialization;
using Orleans.Storage;

namespace Chariot.Grains.Tests.Kit;

/// <summary>A store in memory, shared by all silos, that counts writes and can be told to hold or refuse them.</summary>
internal sealed class TestStorage
{
    private readonly ConcurrentDictionary<(string Name, GrainId Grain), (byte[] Bytes, string ETag)> _rows = [];
    private long _etag;

    /// <summary>Called before each write or clear with the state's name; may wait or throw.</summary>
    public Func<string, Task>? OnWrite { get; set; }

    public int Writes;

    public void Clear()
    {
        _rows.Clear();
        OnWrite = null;
    }

    public bool Contains(string stateName, string key) => _rows.Keys.Any(row => row.Name == stateName && row.Grain.Key.ToString() == key);

    public IGrainStorage On(IServiceProvider silo) => new Provider(this, (Serializer)silo.GetService(typeof(Serializer))!);

    private sealed class Provider(TestStorage store, Serializer serializer) : IGrainStorage
    {
        public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
        {
            if (store._rows.TryGetValue((stateName, grainId), out var row))
            {
                grainState.State = serializer.Deserialize<T>(row.Bytes);
                grainState.ETag = row.ETag;
                grainState.RecordExists = true;
            }

            return Task.CompletedTask;
        }

        public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
        {
            await BeforeAsync(stateName, grainId, grainState.ETag);
            var etag = Interlocked.Increment(ref store._etag).ToString(System.Globalization.CultureInfo.InvariantCulture);
            store._rows[(stateName, grainId)] = (serializer.SerializeToArray(grainState.State), etag);
            grainState.ETag = etag;
            grainState.RecordExists = true;
        }

        public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
        {
            await BeforeAsync(stateName, grainId, grainState.ETag);
            store._rows.TryRemove((stateName, grainId), out _);
            grainState.ETag = null;
            grainState.RecordExists = false;
            grainState.State = Activator.CreateInstance<T>();
        }

        private async Task BeforeAsync(string stateName, GrainId grainId, string? etag)
        {
            Interlocked.Increment(ref store.Writes);
            if (store.OnWrite is { } hook)
            {
                await hook(stateName);
            }

            if (store._rows.TryGetValue((stateName, grainId), out var row) ? row.ETag != etag : etag is not null)
            {
                throw new InconsistentStateException($"The record of {grainId} was changed by another writer.");
            }
        }
    }
}
