using Chariot.Abstractions;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Connections;
using Chariot.Edge.Links;
using Chariot.Edge.Routing;

namespace Chariot.Edge.Sessions;

/// <summary>
/// One QoS 1/2 or retained publish while it is handed to its targets: the message once for all of them, the store work and
/// the ticket only when somebody needs them.
/// </summary>
internal sealed class PublishJob(SessionServices services, ApplicationMessage message, bool storesFirst, Func<PublishTicket>? makeTicket)
{
    private PublishTicket? _ticket;
    private DeliveryWork? _work;
    private List<Target>? _shared;
    private ReasonCode _refusal;

    public ApplicationMessage Message { get; } = message;

    /// <summary>QoS 2: rows are committed before anything is sent.</summary>
    public bool StoresFirst { get; } = storesFirst;

    /// <summary>The members that shared subscriptions chose, so that one choice serves both passes.</summary>
    public List<Target> SharedMembers => _shared ??= [];

    /// <summary>
    /// The shared subscriptions that it is for, and nothing else: of another edge's message those whose member is chosen here, of one
    /// published here those that a dead silo was to choose for. Null for everything that matches.
    /// </summary>
    public List<string>? Shares { get; init; }

    public bool IsFromPeer { get; init; }

    /// <summary>The silo that forwarded it; null for this one.</summary>
    public Orleans.Runtime.SiloAddress? Origin { get; init; }

    /// <summary>Other silos match it; who is routed to here later may have it from them.</summary>
    public bool GoesElsewhere { get; init; }

    /// <summary>Only for the sessions adopted from this silo; null for all.</summary>
    public string? OnlyAdopted { get; init; }

    /// <summary>Shared subscriptions for which another silo was chosen.</summary>
    public Dictionary<Peer, List<string>>? SharesElsewhere { get; private set; }

    public void ShareElsewhere(Peer peer, string key)
    {
        SharesElsewhere ??= [];
        if (!SharesElsewhere.TryGetValue(peer, out var keys))
        {
            SharesElsewhere[peer] = keys = [];
        }

        keys.Add(key);
    }

    /// <summary>The same message's job under which other silos have settled it already; its choices stand.</summary>
    public PublishJob? Forwarded { get; init; }

    public bool IsElsewhere(string key) => SharesElsewhere?.Values.Any(keys => keys.Contains(key)) == true;

    public bool HasSharedMembers => _shared is not null;

    /// <summary>Every durable target has been asked for room.</summary>
    public bool IsAdmitted { get; set; }

    /// <summary>The publisher that waits for a delivery which moves from one member of a shared subscription to another.</summary>
    public PublishTicket? Carried { get; set; }

    public DeliveryWork Work => _work ??= new DeliveryWork(services);

    public bool HasWork => _work is { IsEmpty: false };

    public PublishTicket? Ticket => _ticket;

    /// <summary>Set when a target's budget refused the message.</summary>
    public ReasonCode Refusal => _refusal;

    /// <summary>The publisher's ticket, counting one more target; null when nobody waits (a will, QoS 0).</summary>
    public PublishTicket? TicketForTarget()
    {
        if (makeTicket is null)
        {
            var carried = Carried;
            Carried = null;
            return carried;
        }

        _ticket ??= makeTicket();
        _ticket.Add();
        return _ticket;
    }

    public void Refuse(ReasonCode reason) => _refusal = reason;

    /// <summary>Hands the store work over.</summary>
    public void Submit()
    {
        if (HasWork)
        {
            services.Store.Submit(_work!);
        }
    }
}
