using Chariot.Edge.Codec;

namespace Chariot.Edge.Connections;

/// <summary>Whether a message of <paramref name="topic"/> may not be delivered.</summary>
internal delegate bool PublishPredicate(ReadOnlySpan<byte> topic);

/// <summary>Taking back what has not been handed to the transport.</summary>
internal sealed partial class OutboundBuffer
{
    /// <summary>
    /// Removes PUBLISH packets that have not been handed to the transport and whose topic <paramref name="isDenied"/>. Packet
    /// identifiers of removed QoS 1/2 packets go to <paramref name="removed"/>. Returns the number removed.
    /// </summary>
    public int RemovePublishes(PublishPredicate isDenied, List<ushort> removed)
    {
        lock (_gate)
        {
            var kept = 0;
            var count = 0;
            var position = 0;
            while (position < _fillLength)
            {
                var rest = _fill.AsSpan(position, _fillLength - position);
                PacketFraming.TryReadHeader(rest, int.MaxValue, strictMinimalLength: false, out var header, out var headerLength, out var remaining);
                var packet = rest[..(headerLength + remaining)];
                if (header >> 4 == (int)PacketType.Publish && isDenied(TopicOf(header, packet[headerLength..])))
                {
                    count++;
                    _fillPackets--;
                    if ((header & 0x06) != 0)
                    {
                        var body = packet[headerLength..];
                        var topicLength = (body[0] << 8) | body[1];
                        removed.Add((ushort)((body[2 + topicLength] << 8) | body[3 + topicLength]));
                    }
                }
                else
                {
                    packet.CopyTo(_fill.AsSpan(kept));
                    kept += packet.Length;
                }

                position += packet.Length;
            }

            if (count > 0)
            {
                Aliases?.Forget(isDenied);
            }

            _fillLength = kept;
            if (kept == 0)
            {
                Release(ref _fill);
            }

            return count;
        }
    }

    private ReadOnlySpan<byte> TopicOf(byte header, ReadOnlySpan<byte> body)
    {
        var length = (body[0] << 8) | body[1];
        if (length > 0 || Aliases is null)
        {
            return body.Slice(2, length);
        }

        // Only an alias, which we write as the first property.
        var reader = new BodyReader(body[(2 + ((header & 0x06) != 0 ? 2 : 0))..]);
        return reader.TryReadPropertyBlock(out var block) && block is [PropertyId.TopicAlias, var high, var low, ..]
            ? Aliases.TopicOf((ushort)((high << 8) | low))
            : default;
    }
}
