using Chariot.Abstractions.Stores;
using Orleans.Storage;

namespace Chariot.Cluster.Stores.Postgres;

/// <summary>Bulk reads over the rows of <see cref="PostgresGrainStorage"/>. Keys compare by their UTF-8 bytes.</summary>
internal sealed class PostgresGrainStateIndex(PostgresStore store, IGrainStorageSerializer serializer, string serviceId) : IGrainStateIndex
{
    // The index holds the first 500 characters of a key.
    private const string Select = """
        SELECT grainidextensionstring, payloadbinary FROM orleansstorage
        WHERE serviceid = $1 AND graintypestring = $2 AND payloadbinary IS NOT NULL
            AND left(grainidextensionstring, 500) COLLATE "C" >= left(greatest($3 COLLATE "C", $5 COLLATE "C"), 500) AND grainidextensionstring COLLATE "C" > $3
            AND left(grainidextensionstring, 500) COLLATE "C" <= $4 AND starts_with(grainidextensionstring, $5)
        ORDER BY left(grainidextensionstring, 500) COLLATE "C", grainidextensionstring COLLATE "C" LIMIT $6
        """;

    // Above every text in UTF-8.
    private static readonly string Last = string.Concat(Enumerable.Repeat("\U0010FFFF", 4));

    /// <inheritdoc/>
    public async Task<IReadOnlyList<KeyValuePair<string, T>>> ReadAsync<T>(string stateName, string? afterKey, int limit, string? prefix = null, CancellationToken cancellationToken = default)
    {
        var from = PostgresGrainStorage.KeyPrefix + prefix;
        var rows = await store.ReadAsync(
            Select,
            static row => KeyValuePair.Create(row.GetString(0)[PostgresGrainStorage.KeyPrefix.Length..], row.GetFieldValue<byte[]>(1)),
            cancellationToken,
            serviceId,
            stateName,
            // An empty key is no key: without afterKey everything comes.
            afterKey is null ? "" : PostgresGrainStorage.KeyPrefix + afterKey,
            from + Last,
            from,
            (long)Math.Max(0, limit));
        return [.. rows.Select(row => KeyValuePair.Create(row.Key, serializer.Deserialize<T>(row.Value)!))];
    }
}
