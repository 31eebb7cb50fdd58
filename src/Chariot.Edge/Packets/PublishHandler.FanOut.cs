using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Links;
using Chariot.Edge.Routing;

namespace Chariot.Edge.Packets;

/// <summary>QoS 0, not retained: bytes are copied from the read buffer into the buffers of the subscribers, and nothing is allocated.</summary>
internal sealed partial class PublishHandler
{
    private void FanOut(string publisher, ProtocolVersion version, TopicEntry entry, ReadOnlySpan<byte> packet, in PublishView view, FlushBatch batch)
    {
        var match = routes.Match(entry);
        var begun = false;
        // The same bytes will do for a subscriber of the same version when they hold nothing that concerns us alone.
        var verbatim = view.TopicAlias == 0 && view.MessageExpirySeconds is null;
        foreach (var target in match.Targets)
        {
            if (target.For(publisher) is { } copy)
            {
                Send(copy, entry, verbatim ? version : null, packet, view, ref begun, batch);
            }
        }

        foreach (var shared in match.Shared)
        {
            if (shared.ChoosePeer() is { } peer)
            {
                PeerSet.Forward([peer], publisher, [shared.Key], EncodeForPeers(entry, verbatim && version == ProtocolVersion.V500, packet, view, ref begun), batch);
            }
            else if (shared.Choose(new ShareRequest(publisher, entry.Topic, packet.Length)) is { } member)
            {
                Send(member, entry, verbatim ? version : null, packet, view, ref begun, batch);
            }
        }

        if (match.Remotes.Length > 0)
        {
            PeerSet.Forward(match.Remotes, publisher, null, EncodeForPeers(entry, verbatim && version == ProtocolVersion.V500, packet, view, ref begun), batch);
        }
    }

    /// <summary>The same for a message that another edge has forwarded: to sessions here only.</summary>
    /// <param name="shares">Shared subscriptions whose member is to be chosen here.</param>
    public static void FanOutHere(ReadOnlySpan<char> publisher, MatchSet match, TopicEntry entry, List<string>? shares, in PublishView view, FlushBatch batch)
    {
        var begun = false;
        foreach (var target in shares is null ? match.Targets : [])
        {
            if (target.For(publisher) is { } copy)
            {
                Send(copy, entry, null, default, view, ref begun, batch);
            }
        }

        foreach (var shared in shares is null ? [] : match.Shared)
        {
            if (shares!.Contains(shared.Key) && shared.Choose(new ShareRequest(publisher, entry.Topic, view.Payload.Length + entry.Topic.Length)) is { } member)
            {
                Send(member, entry, null, default, view, ref begun, batch);
            }
        }
    }

    private static ReadOnlySpan<byte> EncodeForPeers(TopicEntry entry, bool asItIs, ReadOnlySpan<byte> packet, in PublishView view, ref bool begun)
    {
        if (asItIs)
        {
            return packet;
        }

        Begin(ref begun);
        return PublishEncoder.Current.Encode(view, entry.Topic, AliasUse.None, ProtocolVersion.V500, retain: false, [], out _);
    }

    private static void Send(Target target, TopicEntry entry, ProtocolVersion? verbatim, ReadOnlySpan<byte> packet, in PublishView view, ref bool begun, FlushBatch batch)
    {
        var subscriber = target.Session.Connection;
        if (subscriber is null)
        {
            return;
        }

        if (subscriber.Outbound.Aliases is not null && SendAliased(target, subscriber, entry, view, ref begun, batch))
        {
            return;
        }

        ReadOnlySpan<byte> bytes;
        if (verbatim == subscriber.Version && target.SubscriptionIdentifiers.Length == 0)
        {
            bytes = packet;
        }
        else
        {
            Begin(ref begun);
            bytes = PublishEncoder.Current.Encode(view, entry.Topic, AliasUse.None, subscriber.Version, retain: false, target.SubscriptionIdentifiers, out _);
        }

        if (bytes.Length > subscriber.MaximumPacketSize || !subscriber.Outbound.TryAppend(bytes, out var firstTouch))
        {
            batch.Dropped++;
            return;
        }

        Delivered(subscriber, firstTouch, batch);
    }

    /// <summary>False when the topic is to be written in full, without an alias.</summary>
    private static bool SendAliased(Target target, MqttConnection subscriber, TopicEntry entry, in PublishView view, ref bool begun, FlushBatch batch)
    {
        var use = subscriber.Outbound.ChooseAlias(entry.Topic, out var alias);
        while (use != AliasUse.None)
        {
            Begin(ref begun);
            var bytes = PublishEncoder.Current.Encode(view, entry.Topic, use, subscriber.Version, retain: false, target.SubscriptionIdentifiers, out var offset);
            if (bytes.Length > subscriber.MaximumPacketSize)
            {
                return false;
            }

            switch (subscriber.Outbound.TryAppend(bytes, new AliasPatch(use, alias, offset), out var firstTouch))
            {
                case AppendResult.Appended:
                    Delivered(subscriber, firstTouch, batch);
                    return true;
                case AppendResult.Refused:
                    batch.Dropped++;
                    return true;
                default:
                    use = AliasUse.Introduce;
                    break;
            }
        }

        return false;
    }

    private static void Begin(ref bool begun)
    {
        if (!begun)
        {
            PublishEncoder.Current.Begin();
            begun = true;
        }
    }

    private static void Delivered(MqttConnection subscriber, bool firstTouch, FlushBatch batch)
    {
        batch.Delivered++;
        if (firstTouch)
        {
            batch.Touch(subscriber.Outbound);
        }
    }
}
