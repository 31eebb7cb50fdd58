using System.Buffers;
using MQTTnet.Adapter;
using MQTTnet.Formatter;
using MQTTnet.Packets;

namespace Chariot.Fuzz.Codec;

/// <summary>The same packet through MQTTnet's decoder.</summary>
internal sealed class Reference
{
    private readonly MqttPacketFormatterAdapter _v311 = new(MqttProtocolVersion.V311, new MqttBufferWriter(4096, 65535));
    private readonly MqttPacketFormatterAdapter _v5 = new(MqttProtocolVersion.V500, new MqttBufferWriter(4096, 65535));

    /// <summary>Null when it refuses, in whatever way.</summary>
    public MqttPacket? Decode(byte header, ReadOnlySpan<byte> body, bool v5)
    {
        try
        {
            return (v5 ? _v5 : _v311).Decode(new ReceivedMqttPacket(header, new ArraySegment<byte>(body.ToArray()), body.Length + 2));
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            // It refuses with many kinds of exceptions; which one says nothing about us.
            return null;
        }
    }

    public static byte[] Payload(MqttPublishPacket packet) => packet.Payload.ToArray();
}
