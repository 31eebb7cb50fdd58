using Chariot.Abstractions;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Sessions;
using Chariot.Abstractions.Stores;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Routing;

namespace Chariot.Edge.Sessions;

/// <summary>
/// The live state of one client: subscriptions, window of unacknowledged deliveries, queue. Outlives its connection when it
/// is durable. All of it is guarded by <see cref="Gate"/>, which is held for microseconds and never across an await or a
/// call into the store that waits. Outbound state is in ClientSession.Outbound.cs, its rows in ClientSession.Stored.cs, QoS 2 from the client in
/// ClientSession.Inbound.cs, what belongs to shared subscriptions in ClientSession.Shared.cs.
/// </summary>
internal sealed partial class ClientSession(string clientId, long sessionId, Principal principal, SessionServices services)
{
    private volatile MqttConnection? _connection;
    private volatile bool _isDurable;
    private volatile ClientAccess _access = ClientAccess.Nothing;

    public Lock Gate { get; } = new();

    public string ClientId { get; } = clientId;

    public long SessionId { get; } = sessionId;

    public Principal Principal { get; } = principal;

    public SessionServices Services { get; } = services;

    /// <summary>The connection that the session is on; null while its client is away.</summary>
    public MqttConnection? Connection => _connection;

    /// <summary>Messages for it survive a crash: expiry above 0, or MQTT 3.1.1 clean session 0.</summary>
    public bool IsDurable => _isDurable;

    /// <summary>The rights of its client now; decisions are cached against this very object.</summary>
    public ClientAccess Access
    {
        get => _access;
        set => _access = value;
    }

    /// <summary>Its QoS 2 publishes that wait for other silos; null until there is one.</summary>
    public ExactlyOnceOrder? ExactlyOnce { get; set; }

    public long Epoch { get; set; }

    public bool CleanStart { get; set; }

    public uint ExpirySeconds { get; private set; }

    public WillRecord? Will { get; set; }

    /// <summary>When a delayed will is to be published; null when none is.</summary>
    public DateTimeOffset? WillDueAt { get; set; }

    public DateTimeOffset? DisconnectedAt { get; private set; }

    /// <summary>Nothing more is delivered; set when the session is removed or replaced.</summary>
    public bool Ended { get; private set; }

    /// <summary>By filter as the client wrote it.</summary>
    public Dictionary<string, Subscription> Subscriptions { get; } = new(StringComparer.Ordinal);

    /// <summary>Voids the decisions that were cached under the rights in force, without changing these.</summary>
    public void RenewAccess()
    {
        var access = _access;
        Interlocked.CompareExchange(ref _access, new ClientAccess(access.List), access);
    }

    public void SetExpiry(uint seconds)
    {
        ExpirySeconds = seconds;
        _isDurable = seconds > 0;
    }

    /// <summary>
    /// Puts the session on a connection. What is unacknowledged waits at the front of the queue from now on, so that nothing
    /// new overtakes it before <see cref="Resume"/> sends it again.
    /// </summary>
    /// <returns>
    /// False when the session has ended or a CONNECT of a higher <paramref name="epoch"/> has it: this connection must close.
    /// </returns>
    public bool Attach(MqttConnection connection, int receiveMaximum, long epoch)
    {
        MqttConnection? displaced;
        lock (Gate)
        {
            if (Ended || IsGivenUp || _arriving is not null || epoch < Epoch)
            {
                return false;
            }

            Epoch = epoch;
            displaced = _connection;
            _connection = connection;
            DisconnectedAt = null;
            _window = Math.Min(receiveMaximum, Services.Limits.MaximumInflight);
            RequeueUnacknowledged();
        }

        // Two CONNECTs at the same time: neither found the other on the session.
        displaced?.Close(ReasonCode.SessionTakenOver);
        return true;
    }

    /// <summary>Takes the session off <paramref name="connection"/>; false when it is not on it (any more).</summary>
    public bool Detach(MqttConnection connection, DateTimeOffset now)
    {
        lock (Gate)
        {
            if (_connection != connection)
            {
                return false;
            }

            _connection = null;
            DisconnectedAt = now;
            TellOfRoom();
            return true;
        }
    }

    /// <summary>Marks a session that was loaded from the store as away since <paramref name="since"/>.</summary>
    public void SetAway(DateTimeOffset since) => DisconnectedAt = since;

    /// <summary>
    /// Ends the session: what waited for it waits no more, its rows are deleted. Its routes are removed by the registry.
    /// </summary>
    public void End(FlushBatch batch) => End(batch, keepsRows: false);

    /// <param name="keepsRows">They belong to the session's new owner.</param>
    public void End(FlushBatch batch, bool keepsRows)
    {
        List<PublishTicket> tickets = [];
        List<Delivery> moving = [];
        MqttConnection? connection;
        lock (Gate)
        {
            if (Ended)
            {
                return;
            }

            Ended = true;
            // Rows that are on their way stay as well.
            _released |= keepsRows;
            connection = _connection;
            _connection = null;
            CollectTickets(tickets, keepsRows ? null : moving);
            ReleaseHeld(tickets, failed: keepsRows);
            _inflight.Clear();
            _queue.Clear();
            _unpersisted.Clear();
            _unsettledSpills.Clear();
            _inbound.Clear();
            _spilled = false;
            TellOfRoom();
        }

        _left?.TrySetResult();
        foreach (var ticket in tickets)
        {
            ticket.Complete(batch);
        }

        // It came while the session was being removed, and would wait for messages for ever.
        connection?.Close(ReasonCode.SessionTakenOver);
        if (keepsRows)
        {
            return;
        }

        Services.Redelivery.Give(this, moving);
        if (_hadRows && Services.Redelivery.HasGroups)
        {
            _ = Services.Redelivery.MoveRowsThenDeleteAsync(SessionId, this);
        }
        else if (_hadRows)
        {
            var id = SessionId;
            Services.Store.Submit(new RowWork(Services, transaction => transaction.DeleteSession(id)));
        }
    }

    /// <summary>
    /// A QoS 1 publish of this client is settled: PUBACK, or for a refused one the reason (5.0) or nothing (3.1.1). One that was not taken
    /// closes the connection, and what came after it on this connection is not acknowledged before it.
    /// </summary>
    public void CompletePublish(MqttConnection connection, ushort packetId, ReasonCode reason, FlushBatch batch)
    {
        if (_connection != connection)
        {
            return;
        }

        connection.PublishSettled();
        if (reason == PublishTicket.NotTaken)
        {
            connection.Close(reason);
            return;
        }

        // 3.1.1 cannot refuse: the PUBLISH stays unacknowledged and its client repeats it.
        if (reason < ReasonCode.UnspecifiedError || connection.Version == ProtocolVersion.V500)
        {
            connection.SendAcknowledgement(PacketType.PubAck, packetId, reason, batch);
        }
    }

    /// <summary>
    /// Takes the tickets of what ends here. What another member of a shared subscription may have goes to <paramref name="moving"/> with
    /// its ticket, or stays for who moves its row.
    /// </summary>
    /// <param name="moving">Null when nothing moves: the session goes on elsewhere.</param>
    private void CollectTickets(List<PublishTicket> tickets, List<Delivery>? moving)
    {
        foreach (var delivery in _inflight.Values.OrderBy(delivery => delivery.Sequence))
        {
            Collect(delivery);
        }

        for (var i = 0; i < _queue.Count; i++)
        {
            Collect(_queue[i]);
        }

        void Collect(Delivery delivery)
        {
            if (moving is not null && delivery.MayMove && !delivery.Moved)
            {
                if (delivery.Durability == Durability.None)
                {
                    moving.Add(delivery);
                }

                return;
            }

            if (moving is null && delivery.Durability == Durability.Submitted)
            {
                // The store answers for it, and its row goes with the session.
                return;
            }

            delivery.Done = true;
            if (delivery.TakeTicket() is { } ticket)
            {
                if (moving is null)
                {
                    // In nobody's hands but this session's: its publisher may not take it for safe.
                    ticket.Fail(PublishTicket.NotTaken);
                }

                tickets.Add(ticket);
            }
        }
    }
}
