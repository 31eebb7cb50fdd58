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
    MessageRouter router,
    SessionServices services,
    EdgeLog log)
{
    /// <summary>Retained messages handed over while the session's gate is held once.</summary>
    private const int ReplaySlice = 64;

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
                await ReplayAsync(connection, session, packet.Subscriptions[i], isNew[i]);
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
        var answer = new byte[16 + reasons.Length];
        var batch = FlushBatch.Current;
        connection.SendControl(answer.AsSpan(0, PacketWriter.WriteSubAck(answer, connection.Version, packetId, reasons)), batch);
        batch.Flush(services.Metrics);
    }

    /// <summary>
    /// Sends what is retained. The current message of each topic is read again under the session's gate, where live messages
    /// are delivered too: an older value is never sent after a newer one. Waits while the client does not read.
    /// </summary>
    private async ValueTask ReplayAsync(MqttConnection connection, ClientSession session, SubscriptionRecord record, bool isNew)
    {
        if (record.RetainHandling == 2 || (record.RetainHandling == 1 && !isNew) || record.Filter.StartsWith("$share/", StringComparison.Ordinal))
        {
            return;
        }

        var found = retainedMessages.Match(Encoding.UTF8.GetBytes(record.Filter));
        for (var from = 0; from < found.Count; from += ReplaySlice)
        {
            ReplaySliceOf(session, record, found, from);
            await connection.Outbound.WhenHasRoomAsync();
        }
    }

    private void ReplaySliceOf(ClientSession session, SubscriptionRecord record, List<ApplicationMessage> found, int from)
    {
        var batch = FlushBatch.Current;
        var now = services.UnixMilliseconds;
        lock (session.Gate)
        {
            if (!session.Subscriptions.TryGetValue(record.Filter, out var subscription) || !subscription.Active)
            {
                return;
            }

            var target = new Target(session);
            target.Add(subscription);
            for (var i = from; i < Math.Min(from + ReplaySlice, found.Count); i++)
            {
                if (retainedMessages.Get(found[i].Topic.Span) is { } message && message.ExpiresAt > now)
                {
                    router.Replay(message, target, batch);
                }
            }
        }

        batch.Flush(services.Metrics);
    }
}
