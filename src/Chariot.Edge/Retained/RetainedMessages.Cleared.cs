using Chariot.Abstractions.Topics;
using Chariot.Edge.Routing;

namespace Chariot.Edge.Retained;

/// <summary>
/// Topics that were cleared lately. With several edges an older message may arrive after a newer one was cleared: it must not come
/// back. The higher id wins per topic, so that all replicas agree.
/// </summary>
internal sealed partial class RetainedMessages
{
    /// <summary>Beyond it the oldest are forgotten; they are needed as long as a message takes from one edge to another.</summary>
    private const int MaximumCleared = 100_000;

    private readonly Dictionary<byte[], long> _cleared = new(TopicBytesComparer.Instance);
    private readonly Queue<byte[]> _clearedOrder = new();

    /// <summary>Remember what is cleared; off while this edge is alone.</summary>
    public bool RemembersCleared { get; set; }

    /// <summary>All messages, as they are now.</summary>
    public List<ApplicationMessage> All
    {
        get
        {
            lock (_gate)
            {
                return Descend([_root], isRoot: false);
            }
        }
    }

    /// <summary>
    /// Clears a topic; false when there was nothing older than <paramref name="id"/>, which is that of the message that clears it.
    /// </summary>
    public bool Clear(ReadOnlyMemory<byte> topic, long id)
    {
        lock (_gate)
        {
            if (RemembersCleared)
            {
                RememberCleared(topic.ToArray(), id);
            }

            if (Find(topic.Span) is not { Message: { } message } node || message.Id > id)
            {
                return false;
            }

            RemoveMessage(node);
            return true;
        }
    }

    private bool IsClearedSince(ApplicationMessage message) =>
        _cleared.Count > 0 && _cleared.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(message.Topic.Span, out var id) && id > message.Id;

    private void RememberCleared(byte[] topic, long id)
    {
        if (_cleared.TryGetValue(topic, out var known))
        {
            _cleared[topic] = Math.Max(known, id);
            return;
        }

        _cleared[topic] = id;
        _clearedOrder.Enqueue(topic);
        if (_clearedOrder.Count > MaximumCleared)
        {
            _cleared.Remove(_clearedOrder.Dequeue());
        }
    }
}
