using Chariot.Abstractions.Stores;

namespace Chariot.Cluster.Stores;

/// <summary>Writes grain state, one row per (state name, grain key), with compare-and-swap on the ETag.</summary>
internal sealed class GrainStateTable(Func<string, SqliteStatement> prepare)
{
    private readonly SqliteStatement _selectEtag = prepare("SELECT etag FROM grain_state WHERE state_name = ?1 AND grain_key = ?2");
    private readonly SqliteStatement _nextEtag = prepare("UPDATE counter SET value = value + 1 WHERE name = 'etag' RETURNING value");
    private readonly SqliteStatement _setErase = prepare("UPDATE counter SET value = 1 WHERE name = 'erase'");
    private readonly SqliteStatement _delete = prepare("DELETE FROM grain_state WHERE state_name = ?1 AND grain_key = ?2");
    private readonly SqliteStatement _upsert = prepare("""
        INSERT INTO grain_state (state_name, grain_key, data, etag, updated_at) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (state_name, grain_key) DO UPDATE SET data = excluded.data, etag = excluded.etag, updated_at = excluded.updated_at
        """);

    /// <param name="expected">The ETag that must be stored; null when there must be no row.</param>
    /// <param name="updatedAt">Unix milliseconds UTC.</param>
    public StateWriteResult Write(string stateName, string grainKey, ReadOnlySpan<byte> data, long? expected, long updatedAt)
    {
        var stored = ReadEtag(stateName, grainKey);
        if (stored != expected)
        {
            return new(false, stored);
        }

        MarkErase(stateName);
        var etag = _nextEtag.ReadInt64();
        _upsert.Bind(1, stateName).Bind(2, grainKey).Bind(3, data).Bind(4, etag!.Value).Bind(5, updatedAt).Execute();
        return new(true, etag);
    }

    /// <inheritdoc cref="Write"/>
    public StateWriteResult Clear(string stateName, string grainKey, long? expected)
    {
        var stored = ReadEtag(stateName, grainKey);
        if (stored != expected)
        {
            return new(false, stored);
        }

        MarkErase(stateName);
        _delete.Bind(1, stateName).Bind(2, grainKey).Execute();
        return new(true, null);
    }

    private long? ReadEtag(string stateName, string grainKey) => _selectEtag.Bind(1, stateName).Bind(2, grainKey).ReadInt64();

    /// <summary>
    /// Sealed private keys are in the configuration. Marking it in the same transaction lets the next start finish an erase
    /// that a crash prevented, also one between the change and the call of <see cref="IStoreMaintenance.EraseAsync"/>.
    /// </summary>
    private void MarkErase(string stateName)
    {
        if (stateName == StateNames.Configuration)
        {
            _setErase.Execute();
        }
    }
}

/// <param name="Done">False when the stored ETag was another one: nothing has been written.</param>
/// <param name="Etag">The ETag now stored; null for none.</param>
internal readonly record struct StateWriteResult(bool Done, long? Etag);
