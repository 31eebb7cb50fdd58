using System.Buffers.Binary;
using System.Collections.Immutable;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Microsoft.Data.Sqlite;

namespace Chariot.Cluster.Stores;

/// <summary>The writer's statements, prepared once. Used by the writer's thread only, inside a transaction.</summary>
internal sealed class SqliteStoreTransaction : IStoreTransaction, IDisposable
{
    private readonly List<SqliteStatement> _statements = [];
    private readonly SqliteStatement _insertMessage;
    private readonly SqliteStatement _deleteMessageIfUnused;
    private readonly SqliteStatement _insertDelivery;
    private readonly SqliteStatement _selectDeliveryMessage;
    private readonly SqliteStatement _updateDelivery;
    private readonly SqliteStatement _deleteDelivery;
    private readonly SqliteStatement _insertInbound;
    private readonly SqliteStatement _deleteInbound;
    private readonly SqliteStatement _deleteSessionMessages;
    private readonly SqliteStatement _deleteSessionQueue;
    private readonly SqliteStatement _deleteSessionInbound;
    private readonly SqliteStatement _deleteSessionFence;
    private readonly SqliteStatement _raiseFence;
    private readonly SqliteStatement _selectFence;
    private readonly SqliteStatement _upsertRetained;
    private readonly SqliteStatement _deleteRetained;

    public SqliteStoreTransaction(SqliteConnection connection)
    {
        Connection = connection;
        _insertMessage = Prepare("""
            INSERT INTO message (id, topic, properties, payload, qos, retain, publisher, published_at, expires_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO NOTHING
            """);
        _deleteMessageIfUnused = Prepare("DELETE FROM message WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM queue WHERE message = ?1)");
        _insertDelivery = Prepare("""
            INSERT INTO queue (session, seq, message, qos, packet_id, state, retain, subscription_ids, bytes)
            SELECT ?1, ?2, id, ?4, ?5, ?6, ?7, ?8, length(topic) + length(properties) + length(payload) FROM message WHERE id = ?3
            ON CONFLICT (session, seq) DO NOTHING
            """);
        _selectDeliveryMessage = Prepare("SELECT message FROM queue WHERE session = ?1 AND seq = ?2");
        _updateDelivery = Prepare("UPDATE queue SET packet_id = ?3, state = ?4 WHERE session = ?1 AND seq = ?2");
        _deleteDelivery = Prepare("DELETE FROM queue WHERE session = ?1 AND seq = ?2");
        _insertInbound = Prepare("INSERT INTO inbound (session, packet_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING");
        _deleteInbound = Prepare("DELETE FROM inbound WHERE session = ?1 AND packet_id = ?2");
        _deleteSessionMessages = Prepare("""
            DELETE FROM message WHERE id IN (SELECT message FROM queue WHERE session = ?1)
            AND NOT EXISTS (SELECT 1 FROM queue AS other WHERE other.message = message.id AND other.session <> ?1)
            """);
        _deleteSessionQueue = Prepare("DELETE FROM queue WHERE session = ?1");
        _deleteSessionInbound = Prepare("DELETE FROM inbound WHERE session = ?1");
        _deleteSessionFence = Prepare("DELETE FROM session_fence WHERE session = ?1");
        _selectFence = Prepare("SELECT epoch FROM session_fence WHERE session = ?1");
        _raiseFence = Prepare("INSERT INTO session_fence (session, epoch) VALUES (?1, ?2) ON CONFLICT (session) DO UPDATE SET epoch = excluded.epoch");
        _upsertRetained = Prepare("""
            INSERT INTO retained (message, topic, properties, payload, qos, retain, publisher, published_at, expires_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
            ON CONFLICT (topic) DO UPDATE SET message = excluded.message, properties = excluded.properties, payload = excluded.payload, qos = excluded.qos,
                retain = excluded.retain, publisher = excluded.publisher, published_at = excluded.published_at, expires_at = excluded.expires_at
            """);
        _deleteRetained = Prepare("DELETE FROM retained WHERE topic = ?1");
        GrainStates = new GrainStateTable(Prepare);
        Audit = new AuditTable(Prepare);
    }

    public SqliteConnection Connection { get; }

    public GrainStateTable GrainStates { get; }

    public AuditTable Audit { get; }

    /// <summary>Bytes of message content written since it was last set to 0, to end a group before it grows large.</summary>
    public long BytesWritten { get; set; }

    public void Fence(long sessionId, long epoch)
    {
        var stored = _selectFence.Bind(1, sessionId).ReadInt64();
        if (stored > epoch)
        {
            throw new SessionFencedException(sessionId, epoch, stored.Value);
        }

        if (stored != epoch)
        {
            _raiseFence.Bind(1, sessionId).Bind(2, epoch).Execute();
        }
    }

    public void PutMessage(ApplicationMessage message)
    {
        BindMessage(_insertMessage, message).Execute();
        BytesWritten += message.Size;
    }

    public void PutDelivery(long sessionId, long sequence, long messageId, QualityOfService qos, ushort packetId, DeliveryState state, bool retain, ImmutableArray<uint> subscriptionIdentifiers)
    {
        if (InsertDelivery(sessionId, sequence, messageId, qos, packetId, state, retain, subscriptionIdentifiers))
        {
            return;
        }

        var replaced = _selectDeliveryMessage.Bind(1, sessionId).Bind(2, sequence).ReadInt64();
        _deleteDelivery.Bind(1, sessionId).Bind(2, sequence).Execute();
        if (!InsertDelivery(sessionId, sequence, messageId, qos, packetId, state, retain, subscriptionIdentifiers))
        {
            throw new InvalidOperationException($"Message {messageId} is not stored, so no queue row can refer to it.");
        }

        if (replaced is { } orphan)
        {
            _deleteMessageIfUnused.Bind(1, orphan).Execute();
        }
    }

    public void SetDeliveryState(long sessionId, long sequence, ushort packetId, DeliveryState state) =>
        _updateDelivery.Bind(1, sessionId).Bind(2, sequence).Bind(3, packetId).Bind(4, (long)state).Execute();

    public void DeleteDelivery(long sessionId, long sequence)
    {
        if (_selectDeliveryMessage.Bind(1, sessionId).Bind(2, sequence).ReadInt64() is not { } messageId)
        {
            return;
        }

        _deleteDelivery.Bind(1, sessionId).Bind(2, sequence).Execute();
        _deleteMessageIfUnused.Bind(1, messageId).Execute();
    }

    public void PutInbound(long sessionId, ushort packetId) => _insertInbound.Bind(1, sessionId).Bind(2, packetId).Execute();

    public void DeleteInbound(long sessionId, ushort packetId) => _deleteInbound.Bind(1, sessionId).Bind(2, packetId).Execute();

    public void DeleteSession(long sessionId)
    {
        _deleteSessionMessages.Bind(1, sessionId).Execute();
        _deleteSessionQueue.Bind(1, sessionId).Execute();
        _deleteSessionInbound.Bind(1, sessionId).Execute();
        _deleteSessionFence.Bind(1, sessionId).Execute();
    }

    public void PutRetained(ApplicationMessage message)
    {
        BindMessage(_upsertRetained, message).Execute();
        BytesWritten += message.Size;
    }

    public void DeleteRetained(ReadOnlyMemory<byte> topic) => _deleteRetained.Bind(1, topic.Span).Execute();

    public void Dispose() => _statements.ForEach(static statement => statement.Dispose());

    private SqliteStatement Prepare(string sql)
    {
        var statement = new SqliteStatement(Connection, sql);
        _statements.Add(statement);
        return statement;
    }

    private static SqliteStatement BindMessage(SqliteStatement statement, ApplicationMessage message) => statement
        .Bind(1, message.Id)
        .Bind(2, message.Topic.Span)
        .Bind(3, message.Properties.Span)
        .Bind(4, message.Payload.Span)
        .Bind(5, (long)message.QualityOfService)
        .Bind(6, message.Retain ? 1 : 0)
        .Bind(7, message.Publisher)
        .Bind(8, message.PublishedAt)
        .Bind(9, message.ExpiresAt);

    private bool InsertDelivery(long sessionId, long sequence, long messageId, QualityOfService qos, ushort packetId, DeliveryState state, bool retain, ImmutableArray<uint> subscriptionIdentifiers)
    {
        var identifiers = subscriptionIdentifiers.IsDefaultOrEmpty ? [] : EncodeIdentifiers(subscriptionIdentifiers);
        _insertDelivery.Bind(1, sessionId).Bind(2, sequence).Bind(3, messageId).Bind(4, (long)qos).Bind(5, packetId).Bind(6, (long)state).Bind(7, retain ? 1 : 0)
            .Bind(8, identifiers).Execute();
        return _insertDelivery.Changes == 1;
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

    /// <summary>The reverse of how <see cref="PutDelivery"/> stores subscription identifiers.</summary>
    public static ImmutableArray<uint> DecodeIdentifiers(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return [];
        }

        var identifiers = ImmutableArray.CreateBuilder<uint>(bytes.Length / sizeof(uint));
        for (; bytes.Length >= sizeof(uint); bytes = bytes[sizeof(uint)..])
        {
            identifiers.Add(BinaryPrimitives.ReadUInt32LittleEndian(bytes));
        }

        return identifiers.DrainToImmutable();
    }
}
