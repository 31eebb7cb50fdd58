using System.Collections.Immutable;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;

namespace Chariot.Cluster.Stores;

/// <summary>
/// Records what the works of one group want, work by work, because a work that its fence refuses must leave nothing. Then
/// <see cref="Merge"/> adds up the others: what the group leaves of each row, so that one statement per table does.
/// </summary>
internal sealed class RecordedGroup : IStoreTransaction
{
    private readonly List<Change> _changes = [];
    private readonly List<int> _starts = [];

    private enum Kind : byte
    {
        Fence,
        Message,
        Delivery,
        DeliveryState,
        DeleteDelivery,
        Inbound,
        DeleteInbound,
        DeleteSession,
        Retained,
        DeleteRetained,
    }

    /// <summary>Bytes of message content recorded.</summary>
    public long Bytes { get; private set; }

    public bool HasFences { get; private set; }

    public int Works => _starts.Count;

    public void Clear()
    {
        _changes.Clear();
        _starts.Clear();
        Bytes = 0;
        HasFences = false;
    }

    /// <summary>What follows belongs to the next work.</summary>
    public void BeginWork() => _starts.Add(_changes.Count);

    public void Fence(long sessionId, long epoch)
    {
        HasFences = true;
        _changes.Add(new(Kind.Fence, sessionId, epoch));
    }

    public void PutMessage(ApplicationMessage message)
    {
        Bytes += message.Size;
        _changes.Add(new(Kind.Message, 0, message.Id) { Message = message });
    }

    public void PutDelivery(long sessionId, long sequence, long messageId, QualityOfService qos, ushort packetId, DeliveryState state, bool retain, ImmutableArray<uint> subscriptionIdentifiers) =>
        _changes.Add(new(Kind.Delivery, sessionId, sequence) { Row = new(RowChangeKind.Put, messageId, qos, packetId, state, retain, subscriptionIdentifiers.IsDefault ? [] : subscriptionIdentifiers) });

    public void SetDeliveryState(long sessionId, long sequence, ushort packetId, DeliveryState state) =>
        _changes.Add(new(Kind.DeliveryState, sessionId, sequence) { Row = new(RowChangeKind.SetState, 0, default, packetId, state, false, []) });

    public void DeleteDelivery(long sessionId, long sequence) => _changes.Add(new(Kind.DeleteDelivery, sessionId, sequence));

    public void PutInbound(long sessionId, ushort packetId) => _changes.Add(new(Kind.Inbound, sessionId, packetId));

    public void DeleteInbound(long sessionId, ushort packetId) => _changes.Add(new(Kind.DeleteInbound, sessionId, packetId));

    public void DeleteSession(long sessionId) => _changes.Add(new(Kind.DeleteSession, sessionId, 0));

    public void PutRetained(ApplicationMessage message)
    {
        Bytes += message.Size;
        _changes.Add(new(Kind.Retained, 0, 0) { Message = message });
    }

    public void DeleteRetained(ReadOnlyMemory<byte> topic) => _changes.Add(new(Kind.DeleteRetained, 0, 0) { Topic = topic });

    /// <summary>Throws when the last work has a row without its message: for a store that keeps the message in the row.</summary>
    public void RequireMessages()
    {
        var own = _changes.Skip(_starts[^1]).ToList();
        var messages = own.Where(static change => change.Kind == Kind.Message).Select(static change => change.Number).ToHashSet();
        if (own.FirstOrDefault(change => change.Kind == Kind.Delivery && !messages.Contains(change.Row.MessageId)) is { Kind: Kind.Delivery } orphan)
        {
            throw new InvalidOperationException($"Message {orphan.Row.MessageId} is not in the work, so no queue row can hold it.");
        }
    }

    public long[] FencedSessions() => [.. _changes.Where(static change => change.Kind == Kind.Fence).Select(static change => change.Session).Distinct().Order()];

    /// <summary>
    /// Adds up the works that their fences let through. <paramref name="epochs"/>: what is stored; afterwards, what the
    /// group raises it to. <paramref name="refused"/> gets, by the index of their work, those that are not let through.
    /// </summary>
    public MergedGroup Merge(Dictionary<long, long> epochs, Dictionary<int, Exception> refused)
    {
        var merged = new MergedGroup();
        for (var work = 0; work < _starts.Count; work++)
        {
            var from = _starts[work];
            var to = work + 1 < _starts.Count ? _starts[work + 1] : _changes.Count;
            if (HasFences && Refusal(from, to, epochs) is { } refusal)
            {
                refused[work] = refusal;
                continue;
            }

            for (var i = from; i < to; i++)
            {
                Apply(_changes[i], merged, epochs);
            }
        }

        return merged;
    }

    private SessionFencedException? Refusal(int from, int to, Dictionary<long, long> epochs)
    {
        for (var i = from; i < to; i++)
        {
            var change = _changes[i];
            if (change.Kind == Kind.Fence && epochs.TryGetValue(change.Session, out var stored) && stored > change.Number)
            {
                return new SessionFencedException(change.Session, change.Number, stored);
            }
        }

        return null;
    }

    private static void Apply(Change change, MergedGroup merged, Dictionary<long, long> epochs)
    {
        switch (change.Kind)
        {
            case Kind.Fence:
                if (!epochs.TryGetValue(change.Session, out var stored) || stored < change.Number)
                {
                    epochs[change.Session] = change.Number;
                    merged.Fences[change.Session] = change.Number;
                }

                break;
            case Kind.Message:
                merged.PutMessage(change.Message!);
                break;
            case Kind.Delivery or Kind.DeliveryState:
                merged.Change(change.Session, change.Number, change.Row);
                break;
            case Kind.DeleteDelivery:
                merged.Change(change.Session, change.Number, RowChange.Delete);
                break;
            case Kind.Inbound or Kind.DeleteInbound:
                merged.ChangeInbound(change.Session, (ushort)change.Number, change.Kind == Kind.Inbound);
                break;
            case Kind.DeleteSession:
                merged.DeleteSession(change.Session);
                epochs.Remove(change.Session);
                break;
            case Kind.Retained:
                merged.ChangeRetained(change.Message!.Topic, change.Message);
                break;
            case Kind.DeleteRetained:
                merged.ChangeRetained(change.Topic, null);
                break;
            default:
                throw new InvalidOperationException($"Unknown change {change.Kind}.");
        }
    }

    /// <param name="Number">Sequence, packet id, epoch or message id.</param>
    private readonly record struct Change(Kind Kind, long Session, long Number)
    {
        public ApplicationMessage? Message { get; init; }

        public RowChange Row { get; init; }

        public ReadOnlyMemory<byte> Topic { get; init; }
    }
}
