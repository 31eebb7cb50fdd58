using Chariot.Abstractions;
using Chariot.Edge.Codec;

namespace Chariot.Edge.Tests.Codec;

/// <summary>Decodes one whole packet the way a connection does.</summary>
internal static class Dispatch
{
    public const int MaximumPacketSize = 1 << 20;

    /// <summary>Null while the packet is incomplete.</summary>
    public static ReasonCode? Decode(ReadOnlySpan<byte> packet, ProtocolVersion version)
    {
        switch (PacketFraming.TryReadHeader(packet, MaximumPacketSize, version == ProtocolVersion.V500, out var header, out var headerLength, out var remaining))
        {
            case FrameResult.Incomplete:
                return null;
            case FrameResult.Malformed:
                return ReasonCode.MalformedPacket;
            case FrameResult.TooLarge:
                return ReasonCode.PacketTooLarge;
        }

        if (packet.Length < headerLength + remaining)
        {
            return null;
        }

        var checkedHeader = PacketFraming.CheckHeader(header, version);
        if (checkedHeader != ReasonCode.Success)
        {
            return checkedHeader;
        }

        var body = packet.Slice(headerLength, remaining);
        var type = (PacketType)(header >> 4);
        return type switch
        {
            PacketType.Connect => PacketDecoder.DecodeConnect(body, out _),
            PacketType.Publish => PublishReader.TryRead(header, body, version, out _),
            PacketType.Subscribe => PacketDecoder.DecodeSubscribe(body, version, out _),
            PacketType.Unsubscribe => PacketDecoder.DecodeUnsubscribe(body, version, out _),
            PacketType.PingReq => PacketDecoder.DecodePing(body),
            PacketType.Disconnect => PacketDecoder.DecodeDisconnect(body, version, out _),
            PacketType.Auth => PacketDecoder.DecodeAuth(body, out _),
            _ => PacketDecoder.DecodeAck(type, body, version, out _, out _),
        };
    }
}
