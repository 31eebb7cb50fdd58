using Chariot.Abstractions;

namespace Chariot.Edge.Codec;

/// <summary>Reason codes in the words of MQTT 3.1.1.</summary>
internal static class ReturnCodes
{
    /// <summary>CONNACK return code (3.1.1 table 3.1); null when 3.1.1 has the connection closed without a CONNACK [MQTT-3.1.4-1].</summary>
    public static byte? OfConnAck(ReasonCode reason) => reason switch
    {
        ReasonCode.Success => 0,
        ReasonCode.UnsupportedProtocolVersion => 1,
        ReasonCode.ClientIdentifierNotValid => 2,
        ReasonCode.BadUserNameOrPassword or ReasonCode.BadAuthenticationMethod => 4,
        ReasonCode.NotAuthorized or ReasonCode.Banned or ReasonCode.TopicNameInvalid => 5,
        ReasonCode.MalformedPacket or ReasonCode.ProtocolError or ReasonCode.PacketTooLarge => null,
        _ => 3,
    };

    /// <summary>SUBACK return code: 3.1.1 has one refusal [MQTT-3.9.3-2].</summary>
    public static byte OfSubAck(ReasonCode reason) => reason >= ReasonCode.UnspecifiedError ? (byte)0x80 : (byte)reason;
}
