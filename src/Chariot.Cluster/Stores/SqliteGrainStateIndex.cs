using System.Text;
using Chariot.Abstractions.Stores;
using Orleans.Storage;

namespace Chariot.Cluster.Stores;

/// <summary>Bulk reads over <see cref="SqliteGrainStorage"/>'s rows. Keys compare by their UTF-8 bytes.</summary>
internal sealed class SqliteGrainStateIndex(SqliteStore store, IGrainStorageSerializer serializer) : IGrainStateIndex
{
    private const string Select = "SELECT grain_key, data FROM grain_state WHERE state_name = ?1 AND grain_key > ?2 ORDER BY grain_key LIMIT ?3";
    private const string SelectPrefix = "SELECT grain_key, data FROM grain_state WHERE state_name = ?1 AND grain_key > ?2 AND grain_key >= ?4 AND grain_key < ?5 ORDER BY grain_key LIMIT ?3";

    /// <inheritdoc/>
    public async Task<IReadOnlyList<KeyValuePair<string, T>>> ReadAsync<T>(string stateName, string? afterKey, int limit, string? prefix = null, CancellationToken cancellationToken = default)
    {
        var prefixed = !string.IsNullOrEmpty(prefix);
        var rows = await store.ReadAsync(
            prefixed ? SelectPrefix : Select,
            statement =>
            {
                statement.Bind(1, stateName).Bind(2, afterKey ?? "").Bind(3, Math.Max(0, limit));
                if (prefixed)
                {
                    // 0xFF is in no UTF-8 text, so the last byte can always be raised by one.
                    var above = Encoding.UTF8.GetBytes(prefix!);
                    above[^1]++;
                    statement.Bind(4, prefix!).BindText(5, above);
                }

                var found = new List<KeyValuePair<string, byte[]>>();
                while (statement.Step())
                {
                    found.Add(new(statement.GetString(0), statement.GetBytes(1)));
                }

                return found;
            },
            cancellationToken);
        return rows.ConvertAll(row => KeyValuePair.Create(row.Key, serializer.Deserialize<T>(row.Value)!));
    }
}
