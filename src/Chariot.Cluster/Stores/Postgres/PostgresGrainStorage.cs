using Npgsql;
using Orleans.Runtime;
using Orleans.Serialization.Serializers;
using Orleans.Storage;

namespace Chariot.Cluster.Stores.Postgres;

/// <summary>
/// Orleans' ADO.NET provider, with what Chariot needs of it made certain. The provider reads keys that look like numbers in hex
/// as numbers, so that "1" and "01" would share a record; here every key is a text. A conflict is always an
/// <see cref="InconsistentStateException"/>, and a state without ETag is never cleared over somebody's record.
/// </summary>
internal sealed class PostgresGrainStorage(IGrainStorage inner, IActivatorProvider activators) : IGrainStorage
{
    /// <summary>Before every stored key: no digit, so that it is no number.</summary>
    public const string KeyPrefix = "~";

    /// <inheritdoc/>
    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => inner.ReadStateAsync(stateName, Text(grainId), grainState);

    /// <inheritdoc/>
    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        RequireEtag(stateName, grainId, grainState.ETag);
        try
        {
            await inner.WriteStateAsync(stateName, Text(grainId), grainState);
        }
        catch (PostgresException error) when (error.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            throw Inconsistent(stateName, grainId, grainState.ETag, error);
        }
    }

    /// <inheritdoc/>
    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        RequireEtag(stateName, grainId, grainState.ETag);
        if (grainState.ETag is not null)
        {
            await inner.ClearStateAsync(stateName, Text(grainId), grainState);
            return;
        }

        // The provider would read the ETag that it was not given, and clear.
        await inner.ReadStateAsync(stateName, Text(grainId), grainState);
        if (grainState.RecordExists)
        {
            grainState.ETag = null!;
            throw Inconsistent(stateName, grainId, null, null);
        }

        grainState.State = activators.GetActivator<T>().Create();
        grainState.ETag = null!;
    }

    private static GrainId Text(GrainId grainId) => GrainId.Create(grainId.Type, IdSpan.Create(KeyPrefix + grainId.Key));

    private static void RequireEtag(string stateName, GrainId grainId, string? etag)
    {
        // Any other text cannot have come from here.
        if (etag is not null && !int.TryParse(etag, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out _))
        {
            throw Inconsistent(stateName, grainId, etag, null);
        }
    }

    private static InconsistentStateException Inconsistent(string stateName, GrainId grainId, string? etag, Exception? cause) => new(
        $"State '{stateName}' of grain '{grainId.Key}' has been written by another activation since it was read.", "unknown", etag ?? "none", cause!);
}
