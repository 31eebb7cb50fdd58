using System.Buffers.Binary;
using System.Collections.Immutable;
using Chariot.Abstractions.Topics;
using Npgsql;
using NpgsqlTypes;

namespace Chariot.Cluster.Stores.Postgres;

/// <summary>Statements that write a <see cref="MergedGroup"/>, one per table and kind of change, all in one round trip.</summary>
internal static class PostgresBatch
{
    private const string MessageColumns = "topic, properties, payload, qos, retain, publisher, published_at, expires_at";
    private const string MessageArrays = "unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bytea[], $5::smallint[], $6::boolean[], $7::text[], $8::bigint[], $9::bigint[])";

    // A missing message leaves bytes null, which the table refuses.
    private const string PutRows = """
        INSERT INTO queue (session, seq, message, qos, packet_id, state, retain, subscription_ids, bytes)
        SELECT u.session, u.seq, u.message, u.qos, u.packet_id, u.state, u.retain, u.ids, m.bytes
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::smallint[], $5::integer[], $6::smallint[], $7::boolean[], $8::bytea[])
            AS u (session, seq, message, qos, packet_id, state, retain, ids)
        LEFT JOIN message AS m ON m.id = u.message
        ON CONFLICT (session, seq) DO UPDATE SET message = excluded.message, qos = excluded.qos, packet_id = excluded.packet_id, state = excluded.state,
            retain = excluded.retain, subscription_ids = excluded.subscription_ids, bytes = excluded.bytes
        """;

    private const string PutRetained = $"""
        INSERT INTO retained (message, {MessageColumns}) SELECT * FROM {MessageArrays}
        ON CONFLICT (topic_hash) DO UPDATE SET message = excluded.message, properties = excluded.properties, payload = excluded.payload, qos = excluded.qos,
            retain = excluded.retain, publisher = excluded.publisher, published_at = excluded.published_at, expires_at = excluded.expires_at
        """;

    /// <summary>
    /// Raises epochs; fails with <see cref="PostgresFailure.Fenced"/> when a higher one has come since they were read, and the
    /// group is judged anew.
    /// </summary>
    public const string RaiseFences = """
        WITH raised AS (
            INSERT INTO session_fence AS f SELECT * FROM unnest($1::bigint[], $2::bigint[])
            ON CONFLICT (session) DO UPDATE SET epoch = excluded.epoch WHERE f.epoch <= excluded.epoch RETURNING 1)
        SELECT 1 / (count(*) = cardinality($1::bigint[]))::integer FROM raised
        """;

    public static void Add(NpgsqlBatch batch, MergedGroup group)
    {
        if (group.DeletedSessions.Count > 0)
        {
            var sessions = group.DeletedSessions.ToArray();
            Add(batch, "DELETE FROM queue WHERE session = ANY ($1)", sessions);
            Add(batch, "DELETE FROM inbound WHERE session = ANY ($1)", sessions);
            Add(batch, "DELETE FROM session_fence WHERE session = ANY ($1)", sessions);
        }

        AddMessages(batch, $"INSERT INTO message (id, {MessageColumns}) SELECT * FROM {MessageArrays} ON CONFLICT (id) DO NOTHING", [.. group.Messages]);
        AddRows(batch, group);
        AddInbound(batch, group);
        AddMessages(batch, PutRetained, [.. group.Retained.Values.OfType<ApplicationMessage>()]);
        var removed = group.Retained.Where(static entry => entry.Value is null).Select(static entry => Convert.FromHexString(entry.Key)).ToArray();
        if (removed.Length > 0)
        {
            Add(batch, "DELETE FROM retained WHERE topic_hash = ANY ($1)", (Array)removed);
        }
    }

    /// <summary>A statement with its parameters: arrays, each of the type of its elements.</summary>
    public static void Add(NpgsqlBatch batch, string sql, params Array[] arrays)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var array in arrays)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = array, NpgsqlDbType = NpgsqlDbType.Array | TypeOf(array) });
        }

        batch.BatchCommands.Add(command);
    }

    public static ImmutableArray<uint> DecodeIdentifiers(byte[] bytes) => SqliteStoreTransaction.DecodeIdentifiers(bytes);

    private static NpgsqlDbType TypeOf(Array array) => array switch
    {
        long[] => NpgsqlDbType.Bigint,
        int[] => NpgsqlDbType.Integer,
        short[] => NpgsqlDbType.Smallint,
        bool[] => NpgsqlDbType.Boolean,
        string[] => NpgsqlDbType.Text,
        byte[][] => NpgsqlDbType.Bytea,
        ReadOnlyMemory<byte>[] => NpgsqlDbType.Bytea,
        _ => throw new ArgumentException($"No column holds {array.GetType()}.", nameof(array)),
    };

    private static void AddMessages(NpgsqlBatch batch, string sql, ApplicationMessage[] messages)
    {
        if (messages.Length == 0)
        {
            return;
        }

        Add(
            batch,
            sql,
            Array.ConvertAll(messages, static message => message.Id),
            Array.ConvertAll(messages, static message => message.Topic),
            Array.ConvertAll(messages, static message => message.Properties),
            Array.ConvertAll(messages, static message => message.Payload),
            Array.ConvertAll(messages, static message => (short)message.QualityOfService),
            Array.ConvertAll(messages, static message => message.Retain),
            Array.ConvertAll(messages, static message => message.Publisher),
            Array.ConvertAll(messages, static message => message.PublishedAt),
            Array.ConvertAll(messages, static message => message.ExpiresAt));
    }

    private static void AddRows(NpgsqlBatch batch, MergedGroup group)
    {
        var put = group.Rows.Where(static row => row.Value.Kind == RowChangeKind.Put).ToArray();
        if (put.Length > 0)
        {
            Add(
                batch,
                PutRows,
                Array.ConvertAll(put, static row => row.Key.Session),
                Array.ConvertAll(put, static row => row.Key.Sequence),
                Array.ConvertAll(put, static row => row.Value.MessageId),
                Array.ConvertAll(put, static row => (short)row.Value.Qos),
                Array.ConvertAll(put, static row => (int)row.Value.PacketId),
                Array.ConvertAll(put, static row => (short)row.Value.State),
                Array.ConvertAll(put, static row => row.Value.Retain),
                Array.ConvertAll(put, static row => EncodeIdentifiers(row.Value.SubscriptionIdentifiers)));
        }

        var changed = group.Rows.Where(static row => row.Value.Kind == RowChangeKind.SetState).ToArray();
        if (changed.Length > 0)
        {
            Add(
                batch,
                """
                UPDATE queue AS q SET packet_id = u.packet_id, state = u.state
                FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::smallint[]) AS u (session, seq, packet_id, state) WHERE q.session = u.session AND q.seq = u.seq
                """,
                Array.ConvertAll(changed, static row => row.Key.Session),
                Array.ConvertAll(changed, static row => row.Key.Sequence),
                Array.ConvertAll(changed, static row => (int)row.Value.PacketId),
                Array.ConvertAll(changed, static row => (short)row.Value.State));
        }

        var deleted = group.Rows.Where(static row => row.Value.Kind == RowChangeKind.Delete).ToArray();
        if (deleted.Length > 0)
        {
            Add(
                batch,
                "DELETE FROM queue AS q USING unnest($1::bigint[], $2::bigint[]) AS u (session, seq) WHERE q.session = u.session AND q.seq = u.seq",
                Array.ConvertAll(deleted, static row => row.Key.Session),
                Array.ConvertAll(deleted, static row => row.Key.Sequence));
        }
    }

    private static void AddInbound(NpgsqlBatch batch, MergedGroup group)
    {
        AddInbound(batch, "INSERT INTO inbound SELECT * FROM unnest($1::bigint[], $2::integer[]) ON CONFLICT DO NOTHING", [.. group.Inbound.Where(static entry => entry.Value).Select(static entry => entry.Key)]);
        AddInbound(
            batch,
            "DELETE FROM inbound AS i USING unnest($1::bigint[], $2::integer[]) AS u (session, packet_id) WHERE i.session = u.session AND i.packet_id = u.packet_id",
            [.. group.Inbound.Where(static entry => !entry.Value).Select(static entry => entry.Key)]);
    }

    private static void AddInbound(NpgsqlBatch batch, string sql, (long Session, ushort PacketId)[] ids)
    {
        if (ids.Length > 0)
        {
            Add(batch, sql, Array.ConvertAll(ids, static id => id.Session), Array.ConvertAll(ids, static id => (int)id.PacketId));
        }
    }

    private static byte[] EncodeIdentifiers(ImmutableArray<uint> identifiers)
    {
        var bytes = new byte[identifiers.Length * sizeof(uint)];
        for (var i = 0; i < identifiers.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(i * sizeof(uint)), identifiers[i]);
        }

        return bytes;
    }
}
