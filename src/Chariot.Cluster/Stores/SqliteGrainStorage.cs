using System.Globalization;
using Chariot.Abstractions.Stores;
using Orleans.Runtime;
using Orleans.Serialization.Serializers;
using Orleans.Storage;

namespace Chariot.Cluster.Stores;

/// <summary>
/// Orleans' grain storage over the store's writer: a state write is a work like any other and shares its commits. A record is
/// (state name, grain key): state names are one per grain type, see <see cref="StateNames"/>. ETags rise for the life of the store.
/// </summary>
internal sealed class SqliteGrainStorage(SqliteStore store, IGrainStorageSerializer serializer, IActivatorProvider activators, TimeProvider time) : IGrainStorage
{
    private const string SelectState = "SELECT data, etag FROM grain_state WHERE state_name = ?1 AND grain_key = ?2";

    /// <inheritdoc/>
    public async Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var row = await store.ReadAsync(
            SelectState,
            statement => statement.Bind(1, stateName).Bind(2, Key(grainId)).Step() ? (Data: statement.GetBytes(0), Etag: statement.GetInt64(1)) : default,
            CancellationToken.None);
        if (row.Data is null)
        {
            Reset(grainState);
            return;
        }

        grainState.State = serializer.Deserialize<T>(row.Data);
        grainState.ETag = Text(row.Etag);
        grainState.RecordExists = true;
    }

    /// <inheritdoc/>
    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var key = Key(grainId);
        var expected = Expected(stateName, key, grainState.ETag);
        var data = serializer.Serialize(grainState.State).ToMemory();
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        var result = await store.WriteAsync(transaction => transaction.GrainStates.Write(stateName, key, data.Span, expected, now));
        Require(result, stateName, key, grainState.ETag);
        grainState.ETag = Text(result.Etag);
        grainState.RecordExists = true;
    }

    /// <inheritdoc/>
    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var key = Key(grainId);
        var expected = Expected(stateName, key, grainState.ETag);
        var result = await store.WriteAsync(transaction => transaction.GrainStates.Clear(stateName, key, expected));
        Require(result, stateName, key, grainState.ETag);
        Reset(grainState);
    }

    private void Reset<T>(IGrainState<T> grainState)
    {
        grainState.State = activators.GetActivator<T>().Create();
        grainState.ETag = null!;
        grainState.RecordExists = false;
    }

    private static string Key(GrainId grainId) => grainId.Key.ToString()!;

    private static string? Text(long? etag) => etag?.ToString(CultureInfo.InvariantCulture);

    private static long? Expected(string stateName, string key, string? etag)
    {
        if (etag is null)
        {
            return null;
        }

        // Any other text cannot have come from here.
        return long.TryParse(etag, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw Inconsistent(stateName, key, "unknown", etag);
    }

    private static void Require(StateWriteResult result, string stateName, string key, string? etag)
    {
        if (!result.Done)
        {
            throw Inconsistent(stateName, key, Text(result.Etag), etag);
        }
    }

    private static InconsistentStateException Inconsistent(string stateName, string key, string? stored, string? current) => new(
        $"State '{stateName}' of grain '{key}' has been written by another activation since it was read.", stored ?? "none", current ?? "none");
}
