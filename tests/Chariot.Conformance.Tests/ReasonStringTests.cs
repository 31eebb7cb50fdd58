using Chariot.TestKit;
using Chariot.TestKit.Mqtt;

namespace Chariot.Conformance.Tests;

/// <summary>Reason strings: sent where they fit into the client's Maximum Packet Size, left out where they alone would not.</summary>
public class ReasonStringTests(SharedBroker shared) : ConformanceTest(shared)
{
    public static TheoryData<PacketType, byte[]> Refusals() => new()
    {
        { PacketType.PubAck, Packets.Publish(V500, "$denied", "x", 1, 3) },
        { PacketType.PubRec, Packets.Publish(V500, "$denied", "x", 2, 4) },
        { PacketType.SubAck, Packets.Subscribe(V500, 1, ("bad#", 0)) },
        { PacketType.Disconnect, [0xD0, 0x00] },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    [Normative("5:3.4.2-2", "5:3.5.2-2", "5:3.9.2-1", "5:3.14.2-3", "5:3.1.2-24")]
    public async Task ReasonString_IsLeftOut_WhenItWouldMakeThePacketTooLarge(PacketType type, byte[] cause)
    {
        var whole = await AnswerAsync(type, cause, null);
        Assert.NotNull(whole.Property(PropertyId.ReasonString));
        var size = whole.Body.Length + 2;

        Assert.NotNull((await AnswerAsync(type, cause, size)).Property(PropertyId.ReasonString));
        var cut = await AnswerAsync(type, cause, size - 1);
        Assert.Null(cut.Property(PropertyId.ReasonString));
        Assert.True(cut.Body.Length + 2 < size);
    }

    private async Task<ReceivedPacket> AnswerAsync(PacketType type, byte[] cause, int? maximum)
    {
        var properties = maximum is { } size ? Property(PropertyId.MaximumPacketSize).FourBytes((uint)size) : null;
        await using var client = await ConnectAsync(V500, new ConnectPacket { Properties = properties });
        client.AutoAcknowledge = false;
        await client.SendAsync(cause);
        var answer = await client.ReadAsync();
        Assert.Equal(type, answer?.Type);
        return answer!;
    }
}
