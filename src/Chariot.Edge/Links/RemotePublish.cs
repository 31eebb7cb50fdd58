using Chariot.Abstractions;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Connections;
using Chariot.Edge.Sessions;

namespace Chariot.Edge.Links;

/// <summary>A QoS 1 or 2 publish that one peer has to settle; with what is needed to send it elsewhere when that peer dies.</summary>
/// <param name="Ticket">Who waits for it; null for a will.</param>
/// <param name="Shares">Shared subscriptions whose member the peer was to choose.</param>
internal sealed record RemotePublish(PublishTicket? Ticket, ApplicationMessage Message, LinkMessageFlags Flags, List<string>? Shares)
{
    public void Settle(ReasonCode reason, FlushBatch batch)
    {
        if (reason >= ReasonCode.UnspecifiedError)
        {
            Ticket?.Fail(reason);
        }

        Ticket?.Complete(batch);
    }
}

/// <summary>A publish of another edge's client, answered for with a <see cref="LinkItemKind.Settled"/>.</summary>
internal sealed class PeerTicket(Peer peer, ulong settleId) : PublishTicket
{
    protected override void Settle(ReasonCode reason, FlushBatch batch)
    {
        LinkItem.AppendSettled(peer.Control, settleId, reason);
        batch.Touch(peer);
    }
}
