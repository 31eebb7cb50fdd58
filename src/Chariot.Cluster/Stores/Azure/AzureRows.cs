using System.Collections.Immutable;
using System.Globalization;
using Azure;
using Azure.Data.Tables;
using Azure.Storage.Blobs;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;

namespace Chariot.Cluster.Stores.Azure;

/// <summary>
/// Table rows and what they stand for. A message's topic, properties and payload are one run of bytes in columns of at most 60,000; one
/// that is too large for a row lies in a blob.
/// </summary>
internal static class AzureRows
{
    /// <summary>First letter of the row keys of a session's partition.</summary>
    public const string QueueKey = "q";
    public const string InboundKey = "i";
    public const string FenceKey = "f";

    /// <summary>Behind every key that begins with <see cref="QueueKey"/>.</summary>
    public const string AfterQueue = "r";

    public const string Bytes = "n";
    public const string MessageId = "m";
    public const string Epoch = "epoch";
    private const string Qos = "qos";
    private const string PacketId = "packetId";
    private const string State = "state";
    private const string RetainFlag = "keepRetain";
    private const string Identifiers = "subscriptionIds";
    private const string MessageQos = "messageQos";
    private const string MessageRetain = "messageRetain";
    private const string Publisher = "publisher";
    private const string PublishedAt = "publishedAt";
    private const string ExpiresAt = "expiresAt";
    private const string TopicLength = "topicLength";
    private const string PropertiesLength = "propertiesLength";
    private const string Blob = "blob";

    // A column holds 64 KiB, a row 1 MiB.
    private const int ColumnBytes = 60_000;
    private const int MostBytesInRow = 700_000;

    public static string QueueRow(long sequence) => QueueKey + AzureAccount.Key(sequence);

    public static string InboundRow(ushort packetId) => InboundKey + packetId.ToString("X4", CultureInfo.InvariantCulture);

    public static long Sequence(string rowKey) => AzureAccount.Number(rowKey.AsSpan(QueueKey.Length));

    public static ushort InboundId(string rowKey) => ushort.Parse(rowKey.AsSpan(InboundKey.Length), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    public static bool NeedsBlob(ApplicationMessage message) => message.Size > MostBytesInRow;

    public static TableEntity Delivery(long session, long sequence, RowChange row, ApplicationMessage message)
    {
        var entity = new TableEntity(AzureAccount.Key(session), QueueRow(sequence))
        {
            [Qos] = (int)row.Qos,
            [RetainFlag] = row.Retain,
            [Identifiers] = string.Join(',', row.SubscriptionIdentifiers.Select(static id => id.ToString(CultureInfo.InvariantCulture))),
        };
        AddState(entity, row);
        AddMessage(entity, message, BlobName(session, sequence));
        return entity;
    }

    public static TableEntity DeliveryState(long session, long sequence, RowChange row)
    {
        var entity = new TableEntity(AzureAccount.Key(session), QueueRow(sequence));
        AddState(entity, row);
        return entity;
    }

    public static TableEntity Retained(string hash, ApplicationMessage message)
    {
        var entity = new TableEntity(RetainedPartition(hash), hash);
        AddMessage(entity, message, RetainedBlobName(hash, message.Id));
        return entity;
    }

    public static string RetainedPartition(string hash) => hash[..2];

    public static string BlobName(long session, long sequence) => $"{SessionBlobs(session)}{AzureAccount.Key(sequence)}";

    public static string SessionBlobs(long session) => $"queue/{AzureAccount.Key(session)}/";

    public static string RetainedBlobName(string hash, long messageId) => $"{RetainedBlobs(hash)}{AzureAccount.Key(messageId)}";

    public static string RetainedBlobs(string hash) => $"retained/{hash}/";

    /// <summary>All of a message in one piece, as its blob holds it.</summary>
    public static byte[] Content(ApplicationMessage message) => [.. message.Topic.Span, .. message.Properties.Span, .. message.Payload.Span];

    public static bool HasBlob(TableEntity entity) => entity.ContainsKey(Blob);

    /// <summary>Null when the message's blob is gone: the row was removed since it was read.</summary>
    public static async Task<StoredDelivery?> ReadDeliveryAsync(TableEntity entity, BlobContainerClient content, CancellationToken cancellationToken) =>
        await ReadMessageAsync(entity, content, cancellationToken) is { } message
            ? new StoredDelivery(
                Sequence(entity.RowKey),
                message,
                (QualityOfService)entity.GetInt32(Qos)!.Value,
                (ushort)entity.GetInt32(PacketId)!.Value,
                (DeliveryState)entity.GetInt32(State)!.Value,
                entity.GetBoolean(RetainFlag)!.Value,
                [.. entity.GetString(Identifiers).Split(',', StringSplitOptions.RemoveEmptyEntries).Select(static id => uint.Parse(id, CultureInfo.InvariantCulture))])
            : null;

    /// <inheritdoc cref="ReadDeliveryAsync"/>
    public static async Task<ApplicationMessage?> ReadMessageAsync(TableEntity entity, BlobContainerClient content, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> bytes;
        try
        {
            bytes = entity.GetString(Blob) is { } name
                ? (await content.GetBlobClient(name).DownloadContentAsync(cancellationToken)).Value.Content.ToMemory()
                : Join(entity);
        }
        catch (RequestFailedException error) when (error.Status == AzureFailure.NotFound)
        {
            return null;
        }

        var topic = entity.GetInt32(TopicLength)!.Value;
        var properties = entity.GetInt32(PropertiesLength)!.Value;
        return new ApplicationMessage
        {
            Id = entity.GetInt64(MessageId)!.Value,
            Topic = bytes[..topic],
            Properties = bytes.Slice(topic, properties),
            Payload = bytes[(topic + properties)..],
            QualityOfService = (QualityOfService)entity.GetInt32(MessageQos)!.Value,
            Retain = entity.GetBoolean(MessageRetain)!.Value,
            Publisher = entity.GetString(Publisher),
            PublishedAt = entity.GetInt64(PublishedAt)!.Value,
            ExpiresAt = entity.GetInt64(ExpiresAt)!.Value,
        };
    }

    private static void AddState(TableEntity entity, RowChange row)
    {
        entity[PacketId] = (int)row.PacketId;
        entity[State] = (int)row.State;
    }

    private static void AddMessage(TableEntity entity, ApplicationMessage message, string blobName)
    {
        entity[MessageId] = message.Id;
        entity[MessageQos] = (int)message.QualityOfService;
        entity[MessageRetain] = message.Retain;
        entity[Publisher] = message.Publisher;
        entity[PublishedAt] = message.PublishedAt;
        entity[ExpiresAt] = message.ExpiresAt;
        entity[TopicLength] = message.Topic.Length;
        entity[PropertiesLength] = message.Properties.Length;
        entity[Bytes] = (long)message.Size;
        if (NeedsBlob(message))
        {
            entity[Blob] = blobName;
            return;
        }

        var content = Content(message);
        for (var (from, column) = (0, 0); from < content.Length; from += ColumnBytes, column++)
        {
            entity[Column(column)] = content.AsSpan(from, Math.Min(ColumnBytes, content.Length - from)).ToArray();
        }
    }

    private static byte[] Join(TableEntity entity)
    {
        var content = new byte[entity.GetInt64(Bytes)!.Value];
        for (var (to, column) = (0, 0); to < content.Length; column++)
        {
            var part = entity.GetBinary(Column(column));
            part.CopyTo(content, to);
            to += part.Length;
        }

        return content;
    }

    private static string Column(int number) => string.Create(CultureInfo.InvariantCulture, $"c{number}");
}
