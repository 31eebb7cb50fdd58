using Chariot.Abstractions;

namespace Chariot.Edge.Codec;

/// <summary>Reason Strings (5.0 section 3.2.2.3.9 and others): one sentence for whoever reads a client's log. None tells a secret.</summary>
internal static class ReasonText
{
    /// <summary>Null for a reason that says enough by itself.</summary>
    public static string? Of(ReasonCode reason) => reason switch
    {
        ReasonCode.MalformedPacket => "A packet could not be read.",
        ReasonCode.ProtocolError => "A packet was not allowed there, or had a value that is not allowed.",
        ReasonCode.ImplementationSpecificError => "The broker could not complete the request; try again.",
        ReasonCode.ClientIdentifierNotValid => "The client identifier is too long or has characters that are not allowed.",
        ReasonCode.BadUserNameOrPassword => "The user name or password is wrong.",
        ReasonCode.NotAuthorized => "The credential does not have the right to do this.",
        ReasonCode.ServerUnavailable => "The broker is not ready; try again.",
        ReasonCode.ServerBusy => "The broker is busy; try again later.",
        ReasonCode.ServerShuttingDown => "The broker is shutting down.",
        ReasonCode.BadAuthenticationMethod => "The only authentication method is SCRAM-SHA-256.",
        ReasonCode.KeepAliveTimeout => "Nothing was received for one and a half times the Keep Alive.",
        ReasonCode.SessionTakenOver => "Another connection uses this client identifier.",
        ReasonCode.TopicFilterInvalid => "The topic filter is not valid, too long or has too many levels.",
        ReasonCode.TopicNameInvalid => "The topic name is not valid, too long or has too many levels.",
        ReasonCode.ReceiveMaximumExceeded => "More publishes were in flight than the Receive Maximum allows.",
        ReasonCode.TopicAliasInvalid => "The topic alias is 0 or above the Topic Alias Maximum.",
        ReasonCode.PacketTooLarge => "A packet was larger than the Maximum Packet Size.",
        ReasonCode.MessageRateTooHigh => "Messages were sent faster than the limit allows.",
        ReasonCode.QuotaExceeded => "A limit of the broker is reached.",
        ReasonCode.AdministrativeAction => "An administrator closed the connection.",
        ReasonCode.UseAnotherServer => "Use the server of the Server Reference.",
        ReasonCode.ConnectionRateExceeded => "There were too many attempts; wait before the next.",
        _ => null,
    };
}
