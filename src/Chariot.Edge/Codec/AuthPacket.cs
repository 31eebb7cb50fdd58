using Chariot.Abstractions;

namespace Chariot.Edge.Codec;

/// <summary>AUTH from a client (section 3.15).</summary>
internal sealed class AuthPacket
{
    /// <summary><see cref="ReasonCode.ContinueAuthentication"/> or <see cref="ReasonCode.ReAuthenticate"/>.</summary>
    public required ReasonCode Reason { get; init; }

    public required string Method { get; init; }

    public required byte[] Data { get; init; }

    /// <summary>Never shows the data.</summary>
    public override string ToString() => $"AUTH {Method}";
}
