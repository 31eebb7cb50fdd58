using System.Collections.Immutable;
using Chariot.Abstractions;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;

namespace Chariot.Edge.Sessions;

/// <summary>QoS 2 from the client: packet ids received and not yet released (method A of section 4.3.3).</summary>
internal sealed partial class ClientSession
{
    private readonly Dictionary<ushort, bool> _inbound = [];

    public int InboundCount => _inbound.Count;

    /// <summary>
    /// Books a packet id. False when it is booked already: the packet is a retransmission, and <paramref name="committed"/>
    /// tells whether PUBREC may be sent again at once.
    /// </summary>
    public bool TryBookInbound(ushort packetId, out bool committed)
    {
        lock (Gate)
        {
            if (_inbound.TryGetValue(packetId, out committed))
            {
                return false;
            }

            _inbound[packetId] = false;
            return true;
        }
    }

    /// <summary>Whether a packet id is booked, and if so whether PUBREC may be sent again.</summary>
    public bool IsBooked(ushort packetId, out bool committed)
    {
        lock (Gate)
        {
            return _inbound.TryGetValue(packetId, out committed);
        }
    }

    /// <summary>Ids that are in the store and that its client has not released.</summary>
    public ImmutableArray<ushort> CommittedInbound()
    {
        lock (Gate)
        {
            return [.. _inbound.Where(entry => entry.Value).Select(entry => entry.Key)];
        }
    }

    public void LoadInbound(ushort packetId)
    {
        lock (Gate)
        {
            _inbound[packetId] = true;
            _hadRows = true;
        }
    }

    public void MarkStored() => _hadRows = true;

    /// <summary>
    /// The publish is accepted (and stored, where it must be): PUBREC to whatever connection the session is on now. One that was not taken
    /// closes that: the client may have sent it again there already, and sends it once more.
    /// </summary>
    public void AcceptInbound(ushort packetId, ReasonCode reason, FlushBatch batch)
    {
        MqttConnection? connection;
        lock (Gate)
        {
            if (Ended)
            {
                return;
            }

            if (reason < ReasonCode.UnspecifiedError)
            {
                _inbound[packetId] = true;
            }
            else if (_inbound.Remove(packetId) && _isDurable)
            {
                // It may be committed: after a restart the next message under this id would pass for a retransmission.
                var id = SessionId;
                Services.Store.Submit(new RowWork(Services, transaction => transaction.DeleteInbound(id, packetId)));
            }

            connection = _connection;
        }

        if (connection is null)
        {
            return;
        }

        if (reason >= ReasonCode.UnspecifiedError || !CountsUntilReleased(connection))
        {
            connection.PublishSettled();
        }

        if (reason == PublishTicket.NotTaken)
        {
            connection.Close(reason);
            return;
        }

        if (reason < ReasonCode.UnspecifiedError || connection.Version == ProtocolVersion.V500)
        {
            connection.SendAcknowledgement(PacketType.PubRec, packetId, reason, batch);
        }
    }

    /// <summary>
    /// PUBREL: forgets the id, then PUBCOMP. A stored id is forgotten in the store first: were PUBCOMP sent before, a crash
    /// would let the client's next message under that id pass for a retransmission.
    /// </summary>
    public void ReleaseInbound(MqttConnection connection, ushort packetId, FlushBatch batch)
    {
        bool known;
        lock (Gate)
        {
            known = _inbound.ContainsKey(packetId);
            if (known && !_isDurable)
            {
                _inbound.Remove(packetId);
            }
        }

        if (!known)
        {
            connection.SendAcknowledgement(PacketType.PubComp, packetId, ReasonCode.PacketIdentifierNotFound, batch);
            return;
        }

        if (!_isDurable)
        {
            SettleReleased(connection);
            connection.SendAcknowledgement(PacketType.PubComp, packetId, ReasonCode.Success, batch);
            return;
        }

        var id = SessionId;
        Services.Store.Submit(new RowWork(Services, transaction => transaction.DeleteInbound(id, packetId), committed =>
        {
            bool removed;
            lock (Gate)
            {
                removed = _inbound.Remove(packetId);
            }

            if (_connection is { } current)
            {
                if (removed)
                {
                    SettleReleased(current);
                }

                current.SendAcknowledgement(PacketType.PubComp, packetId, ReasonCode.Success, committed);
            }
        }));
    }

    /// <summary>
    /// 5.0: a QoS 2 publish takes from Receive Maximum until PUBCOMP (section 4.9). Before 5.0 it counts until it is answered
    /// only: a client may send all of its publishes before their PUBRELs, which are not read while too many count.
    /// </summary>
    private static bool CountsUntilReleased(MqttConnection connection) => connection.Version == ProtocolVersion.V500;

    private static void SettleReleased(MqttConnection connection)
    {
        if (CountsUntilReleased(connection))
        {
            connection.PublishSettled();
        }
    }
}
