using System.Net.Security;
using Chariot.Edge.Authentication;

namespace Chariot.Edge.Transports;

/// <summary>The server's end of TLS, which knows how its client's certificate was judged. Owns <paramref name="inner"/>.</summary>
internal sealed class ServerTlsStream(Stream inner) : SslStream(inner, leaveInnerStreamOpen: false)
{
    /// <summary>The certificate that was accepted; null when none was sent or none is looked at.</summary>
    public ClientCertificate? ClientCertificate { get; set; }

    /// <summary>Why the handshake was refused for its certificate, as a sentence without its full stop; null when it was not.</summary>
    public string? Refusal { get; set; }
}
