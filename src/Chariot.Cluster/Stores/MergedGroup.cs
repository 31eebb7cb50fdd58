using System.Collections.Immutable;
using System.Security.Cryptography;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;

namespace Chariot.Cluster.Stores;

internal enum RowChangeKind : byte
{
    Put,
    SetState,
    Delete,
}

/// <summary>What becomes of one queue row.</summary>
internal readonly record struct RowChange(
    RowChangeKind Kind,
    long MessageId,
    QualityOfService Qos,
    ushort PacketId,
    DeliveryState State,
    bool Retain,
    ImmutableArray<uint> SubscriptionIdentifiers)
{
    public static RowChange Delete { get; } = new(RowChangeKind.Delete, 0, default, 0, default, false, []);
}

/// <summary>What a group of works leaves, each row once. The order that a store must write it in is that of the properties.</summary>
internal sealed class MergedGroup
{
    private readonly Dictionary<long, ApplicationMessage> _messages = [];
    private readonly HashSet<long> _touched = [];

    /// <summary>Session to its new epoch.</summary>
    public SortedDictionary<long, long> Fences { get; } = [];

    /// <summary>Sessions of which nothing of before the group stays.</summary>
    public SortedSet<long> DeletedSessions { get; } = [];

    /// <summary>Messages that a row of the group refers to, by id. Others would be without any row.</summary>
    public IEnumerable<ApplicationMessage> Messages => Rows.Values
        .Where(static row => row.Kind == RowChangeKind.Put)
        .Select(static row => row.MessageId)
        .Distinct()
        .Order()
        .Where(_messages.ContainsKey)
        .Select(id => _messages[id]);

    public SortedDictionary<(long Session, long Sequence), RowChange> Rows { get; } = [];

    /// <summary>Whether the packet id is to be there.</summary>
    public SortedDictionary<(long Session, ushort PacketId), bool> Inbound { get; } = [];

    /// <summary>By the SHA-256 of the topic, in hex; without a message it is to be deleted.</summary>
    public SortedDictionary<string, ApplicationMessage?> Retained { get; } = new(StringComparer.Ordinal);

    /// <summary>The message that the group itself puts under <paramref name="id"/>; null when it must be stored already.</summary>
    public ApplicationMessage? FindMessage(long id) => _messages.GetValueOrDefault(id);

    public void PutMessage(ApplicationMessage message) => _messages.TryAdd(message.Id, message);

    public void Change(long session, long sequence, RowChange change)
    {
        var key = (session, sequence);
        _touched.Add(session);
        if (change.Kind == RowChangeKind.SetState && Rows.TryGetValue(key, out var before))
        {
            if (before.Kind == RowChangeKind.Delete)
            {
                return;
            }

            change = before with { PacketId = change.PacketId, State = change.State };
        }

        Rows[key] = change;
    }

    public void ChangeInbound(long session, ushort packetId, bool there)
    {
        _touched.Add(session);
        Inbound[(session, packetId)] = there;
    }

    public void DeleteSession(long session)
    {
        DeletedSessions.Add(session);
        Fences.Remove(session);
        if (!_touched.Remove(session))
        {
            return;
        }

        foreach (var key in Rows.Keys.Where(key => key.Session == session).ToList())
        {
            Rows.Remove(key);
        }

        foreach (var key in Inbound.Keys.Where(key => key.Session == session).ToList())
        {
            Inbound.Remove(key);
        }
    }

    public void ChangeRetained(ReadOnlyMemory<byte> topic, ApplicationMessage? message) =>
        Retained[Convert.ToHexStringLower(SHA256.HashData(topic.Span))] = message;
}
