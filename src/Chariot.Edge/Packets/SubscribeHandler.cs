using System.Collections.Immutable;
using System.Text;
using Chariot.Abstractions;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Sessions;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Diagnostics;
using Chariot.Edge.Retained;
using Chariot.Edge.Routing;
using Chariot.Edge.Sessions;

namespace Chariot.Edge.Packets;

/// <summary>
/// SUBSCRIBE (section 3.8): syntax and limits here, the right in the session grain, then the route, SUBACK, and the retained
/// messages that match.
/// </summary>
internal sealed class SubscribeHandler(
    IGrainFactory grains,
    SessionRegistry sessions,
    RetainedMessages retainedMessages,
    RouteTable routes,
    MessageRouter router,
    SessionServices services,
    EdgeLog log)
{
    /// <summary>Retained messages handed over while the session's gate is held once.</summary>
    private const int ReplaySlice = 64;

    /// <summary>Members of one shared subscription on this edge.</summary>
    private const int MaximumGroupMembers = 1000;

    public static ReasonCode Decode(MqttConnection connection, ReadOnlySpan<byte> body, out object? control)
    {
        var result = PacketDecoder.DecodeSubscribe(body, connection.Version, out var packet);
        control = result == ReasonCode.Success ? packet : null;
        return result;
    }

    public async ValueTask<bool> HandleAsync(MqttConnection connection, SubscribePacket packet)
    {
        var session = connection.Session!;
        var reasons = new ReasonCode[packet.Subscriptions.Length];
        var asked = Check(session, packet.Subscriptions, reasons);
        if (asked.Length > 0 && !await DecideAsync(session, packet.Subscriptions, asked, reasons))
        {
            connection.Close(ReasonCode.SessionTakenOver);
            return false;
        }

        var isNew = new bool[reasons.Length];
        for (var i = 0; i < reasons.Length; i++)
        {
            if (reasons[i] < ReasonCode.UnspecifiedError)
            {
                isNew[i] = sessions.Subscribe(session, packet.Subscriptions[i]);
            }
        }

        // A PUBLISH that any silo accepts after SUBACK is delivered: every silo must know the route before (architecture, invariant 2).
        if (isNew.AsSpan().Contains(true) && !await services.Peers.WhenRoutesKnownAsync(withRetained: true))
        {
            await UndoAsync(session, packet.Subscriptions, isNew, reasons);
        }

        // Rights may have changed since the grain decided: the change has suspended what it found, this finds the rest.
        sessions.Reconsider(session);
        Acknowledge(connection, packet.PacketId, reasons);
        for (var i = 0; i < reasons.Length; i++)
        {
            if (reasons[i] < ReasonCode.UnspecifiedError)
            {
                Replay(connection, session, packet.Subscriptions[i], isNew[i]);
            }
        }

        return true;
    }

    /// <summary>Refuses what needs no decision; returns the indices of the rest.</summary>
    private int[] Check(ClientSession session, ImmutableArray<SubscriptionRecord> subscriptions, ReasonCode[] reasons)
    {
        var limits = services.Limits;
        var asked = new List<int>(subscriptions.Length);
        var count = session.Subscriptions.Count;
        for (var i = 0; i < subscriptions.Length; i++)
        {
            if (!TopicFilter.IsValidFilter(subscriptions[i].Filter, limits.MaximumTopicLength, limits.MaximumTopicLevels))
            {
                reasons[i] = ReasonCode.TopicFilterInvalid;
            }
            else if (i >= limits.MaximumFiltersPerSubscribe
                || (!session.Subscriptions.ContainsKey(subscriptions[i].Filter) && ++count > limits.MaximumSubscriptionsPerClient))
            {
                reasons[i] = ReasonCode.QuotaExceeded;
            }
            else if (subscriptions[i].Filter.StartsWith("$share/", StringComparison.Ordinal)
                && !session.Subscriptions.ContainsKey(subscriptions[i].Filter)
                && routes.CountMembers(subscriptions[i].Filter) >= MaximumGroupMembers)
            {
                reasons[i] = ReasonCode.QuotaExceeded;
            }
            else
            {
                asked.Add(i);
            }
        }

        return [.. asked];
    }

    private async ValueTask<bool> DecideAsync(ClientSession session, ImmutableArray<SubscriptionRecord> subscriptions, int[] asked, ReasonCode[] reasons)
    {
        try
        {
            var result = await grains.GetGrain<ISessionGrain>(session.ClientId).SubscribeAsync(session.Epoch, [.. asked.Select(i => subscriptions[i])]);
            for (var i = 0; i < asked.Length; i++)
            {
                reasons[asked[i]] = result.Reasons[i];
            }

            return !result.Reasons.Contains(ReasonCode.SessionTakenOver);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            log.GrainUnavailable(error, session.ClientId);
            foreach (var i in asked)
            {
                reasons[i] = ReasonCode.ImplementationSpecificError;
            }

            return true;
        }
    }

    private async ValueTask UndoAsync(ClientSession session, ImmutableArray<SubscriptionRecord> subscriptions, bool[] isNew, ReasonCode[] reasons)
    {
        log.BarrierFailed(Links.PeerSet.BarrierLimit.TotalSeconds);
        for (var i = 0; i < isNew.Length; i++)
        {
            if (isNew[i])
            {
                reasons[i] = ReasonCode.ImplementationSpecificError;
                sessions.Unsubscribe(session, subscriptions[i].Filter);
            }
        }

        try
        {
            await grains.GetGrain<ISessionGrain>(session.ClientId)
                .UnsubscribeAsync(session.Epoch, [.. subscriptions.Where((_, i) => isNew[i]).Select(subscription => subscription.Filter)]);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            log.GrainUnavailable(error, session.ClientId);
        }
    }

    private void Acknowledge(MqttConnection connection, ushort packetId, ReasonCode[] reasons)
    {
        var refused = reasons.FirstOrDefault(reason => reason >= ReasonCode.UnspecifiedError);
        var text = connection.WantsProblemInformation && refused != ReasonCode.Success ? ReasonText.Of(refused) : null;
        var answer = new byte[Math.Min(256 + reasons.Length, connection.MaximumPacketSize)];
        var length = PacketWriter.WriteSubAck(answer, connection.Version, packetId, reasons, text);
        if (length == 0)
        {
            connection.Close(ReasonCode.PacketTooLarge);
            return;
        }

        var batch = FlushBatch.Current;
        connection.SendControl(answer.AsSpan(0, length), batch);
        batch.Flush(services.Metrics);
    }

    /// <summary>
    /// Sends what is retained. The current message of each topic is read again under the session's gate, where live messages
    /// are delivered too: an older value is never sent after a newer one. What does not fit at once follows as the client reads and
    /// acknowledges, while its packets are handled: the replay waits for them.
    /// </summary>
    private void Replay(MqttConnection connection, ClientSession session, SubscriptionRecord record, bool isNew)
    {
        if (record.RetainHandling == 2 || (record.RetainHandling == 1 && !isNew) || record.Filter.StartsWith("$share/", StringComparison.Ordinal))
        {
            return;
        }

        var found = retainedMessages.Match(Encoding.UTF8.GetBytes(record.Filter));
        if (found.Count == 0)
        {
            return;
        }

        Subscription? subscription;
        lock (session.Gate)
        {
            session.Subscriptions.TryGetValue(record.Filter, out subscription);
        }

        var next = subscription is null ? found.Count : ReplaySliceOf(connection, session, subscription, found, 0);
        if (next < found.Count)
        {
            _ = ReplayRestAsync(connection, session, subscription!, found, next);
        }
    }

    private async Task ReplayRestAsync(MqttConnection connection, ClientSession session, Subscription subscription, List<ApplicationMessage> found, int next)
    {
        try
        {
            while (next < found.Count)
            {
                await connection.Outbound.WhenHasRoomAsync();
                await session.WhenHasRoomAsync();
                next = ReplaySliceOf(connection, session, subscription, found, next);
            }
        }
        catch (Exception error)
        {
            log.ReplayFailed(error, session.ClientId);
            connection.Close(ReasonCode.UnspecifiedError);
        }
    }

    /// <summary>Sends messages until there is no more room, and at most a slice; returns where to go on.</summary>
    private int ReplaySliceOf(MqttConnection connection, ClientSession session, Subscription subscription, List<ApplicationMessage> found, int from)
    {
        var batch = FlushBatch.Current;
        var now = services.UnixMilliseconds;
        var i = from;
        lock (session.Gate)
        {
            // The client is gone, or has given the subscription up or renewed it, which has a replay of its own.
            if (session.Connection != connection
                || !session.Subscriptions.TryGetValue(subscription.Record.Filter, out var current)
                || current != subscription
                || !subscription.Active)
            {
                return found.Count;
            }

            var target = new Target(session);
            target.Add(subscription);
            for (; i < Math.Min(from + ReplaySlice, found.Count) && connection.Outbound.HasRoom && session.HasRoom; i++)
            {
                if (retainedMessages.Get(found[i].Topic.Span) is { } message && message.ExpiresAt > now)
                {
                    router.Replay(message, target, batch);
                }
            }
        }

        batch.Flush(services.Metrics);
        return i;
    }
}
