using Chariot.Abstractions;

namespace Chariot.Edge.Codec;

/// <summary>DISCONNECT from a client (section 3.14).</summary>
/// <param name="Reason">Success is a normal end without the will.</param>
/// <param name="SessionExpirySeconds">Null: as agreed at CONNECT.</param>
internal readonly record struct DisconnectPacket(ReasonCode Reason, uint? SessionExpirySeconds);
