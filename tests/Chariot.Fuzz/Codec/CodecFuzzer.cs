using System.Diagnostics;
using System.Text;
using Chariot.Abstractions;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using MQTTnet.Packets;

namespace Chariot.Fuzz.Codec;

/// <summary>
/// Runs generated packets through framing and decoders: no exception, no packet that takes for ever, no allocation out of proportion to
/// the packet, what we write we read again unchanged, and where MQTTnet accepts too, it read the same.
/// </summary>
internal sealed class CodecFuzzer(int seed)
{
    /// <summary>Bytes that decoding may allocate: strings have two bytes a character, records and lists have their own size.</summary>
    public static long AllocationBound(int packetLength) => 4096 + (packetLength * 160L);

    /// <summary>Longest a single packet may take before the run is ended.</summary>
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(20);

    private readonly PacketGenerator _generator = new(seed);
    private readonly Reference _reference = new();
    private readonly byte[] _properties = new byte[PacketGenerator.Capacity * 2];
    private readonly byte[] _written = new byte[PacketGenerator.Capacity * 2];
    private readonly CodecReport _report = new() { Seed = seed };
    private long _progress;

    public CodecReport Run(long packets)
    {
        var started = Stopwatch.GetTimestamp();
        using var watchdog = new Timer(WatchForHang, new Watch(), Hang, Hang);
        for (var i = 0L; i < packets && _report.Faults.Count < 5; i++)
        {
            Volatile.Write(ref _progress, i);
            var v5 = (i & 1) == 0;
            var packet = _generator.Next(v5, out _);
            try
            {
                Try(packet, v5, compare: (i & 7) < 2);
            }
            catch (Exception error)
            {
                Fault(packet, v5, error.ToString());
            }

            _report.Packets++;
        }

        _report.Took = Stopwatch.GetElapsedTime(started);
        return _report;
    }

    private void Try(ReadOnlySpan<byte> packet, bool v5, bool compare)
    {
        var version = v5 ? ProtocolVersion.V500 : ProtocolVersion.V311;
        if (PacketFraming.TryReadHeader(packet, 1 << 20, v5, out var header, out var headerLength, out var remaining) != FrameResult.Ok
            || packet.Length < headerLength + remaining
            || PacketFraming.CheckHeader(header, version) != ReasonCode.Success)
        {
            return;
        }

        var body = packet.Slice(headerLength, remaining);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var result = Decode(header, body, version, out var decoded, out var view);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        _report.LargestAllocation = Math.Max(_report.LargestAllocation, allocated);
        if (allocated > AllocationBound(packet.Length))
        {
            Fault(packet, v5, $"{allocated} bytes allocated for {packet.Length}");
        }

        if (result == ReasonCode.Success)
        {
            _report.Accepted++;
            CheckWhatWeWrite(packet, header, body, version, view);
        }

        if (compare)
        {
            Compare(packet, header, body, v5, result, decoded, view);
        }
    }

    private static ReasonCode Decode(byte header, ReadOnlySpan<byte> body, ProtocolVersion version, out object? decoded, out PublishView view)
    {
        decoded = null;
        view = default;
        var type = (PacketType)(header >> 4);
        ReasonCode result;
        switch (type)
        {
            case PacketType.Publish:
                return PublishReader.TryRead(header, body, version, out view);
            case PacketType.Connect:
                result = PacketDecoder.DecodeConnect(body, out var connect);
                decoded = connect;
                return result;
            case PacketType.Subscribe:
                result = PacketDecoder.DecodeSubscribe(body, version, out var subscribe);
                decoded = subscribe;
                return result;
            case PacketType.Unsubscribe:
                result = PacketDecoder.DecodeUnsubscribe(body, version, out var unsubscribe);
                decoded = unsubscribe;
                return result;
            case PacketType.PingReq:
                return PacketDecoder.DecodePing(body);
            case PacketType.Disconnect:
                return PacketDecoder.DecodeDisconnect(body, version, out _);
            case PacketType.Auth:
                return PacketDecoder.DecodeAuth(body, out _);
            default:
                return PacketDecoder.DecodeAck(type, body, version, out _, out _);
        }
    }

    /// <summary>decode(encode(x)) = x, for the packets that both sides send.</summary>
    private void CheckWhatWeWrite(ReadOnlySpan<byte> packet, byte header, ReadOnlySpan<byte> body, ProtocolVersion version, in PublishView view)
    {
        var v5 = version == ProtocolVersion.V500;
        var type = (PacketType)(header >> 4);
        if (type == PacketType.Publish && !view.Topic.IsEmpty)
        {
            var properties = _properties.AsSpan(0, view.CopyProperties(_properties));
            var expiry = v5 ? view.MessageExpirySeconds : null;
            var length = PublishWriter.Write(_written, version, view.Topic, view.Qos, view.Dup, view.Retain, view.PacketId, properties, expiry, [], view.Payload, out _);
            if (length == 0
                || PacketFraming.TryReadHeader(_written.AsSpan(0, length), int.MaxValue, true, out var again, out var headerLength, out var remaining) != FrameResult.Ok
                || length != headerLength + remaining
                || PublishReader.TryRead(again, _written.AsSpan(headerLength, remaining), version, out var read) != ReasonCode.Success)
            {
                Fault(packet, v5, "what was written is not accepted");
                return;
            }

            if (!read.Topic.SequenceEqual(view.Topic) || !read.Payload.SequenceEqual(view.Payload) || !read.Properties.SequenceEqual(properties) || read.Header != view.Header
                || read.PacketId != view.PacketId || read.MessageExpirySeconds != expiry || read.PayloadFormat != view.PayloadFormat)
            {
                Fault(packet, v5, "a PUBLISH changed when it was written and read");
            }
        }
        else if (type is PacketType.PubAck or PacketType.PubRec or PacketType.PubRel or PacketType.PubComp)
        {
            PacketDecoder.DecodeAck(type, body, version, out var packetId, out var reason);
            var length = PacketWriter.WriteAck(_written, type, version, packetId, reason);
            if (PacketDecoder.DecodeAck(type, _written.AsSpan(2, length - 2), version, out var id, out var code) != ReasonCode.Success || id != packetId || code != reason)
            {
                Fault(packet, v5, "an acknowledgement changed when it was written and read");
            }
        }
    }

    private void Compare(ReadOnlySpan<byte> packet, byte header, ReadOnlySpan<byte> body, bool v5, ReasonCode result, object? decoded, in PublishView view)
    {
        // CONNECT says its version itself.
        if (decoded is ConnectPacket { Version: var version } && version != (v5 ? ProtocolVersion.V500 : ProtocolVersion.V311))
        {
            return;
        }

        var other = _reference.Decode(header, body, v5);
        if (other is null || result != ReasonCode.Success)
        {
            _report.DecidedDifferently += (other is null) == (result == ReasonCode.Success) ? 1 : 0;
            return;
        }

        var equal = (other, decoded) switch
        {
            (MqttPublishPacket publish, _) => publish.Topic == Encoding.UTF8.GetString(view.Topic) && view.Payload.SequenceEqual(Reference.Payload(publish))
                && publish.Retain == view.Retain && publish.Dup == view.Dup && (byte)publish.QualityOfServiceLevel == (byte)view.Qos
                && (view.Qos == QualityOfService.AtMostOnce || publish.PacketIdentifier == view.PacketId)
                && (!v5 || (publish.TopicAlias == view.TopicAlias && publish.MessageExpiryInterval == (view.MessageExpirySeconds ?? 0))),
            (MqttSubscribePacket theirs, SubscribePacket ours) => theirs.PacketIdentifier == ours.PacketId && theirs.TopicFilters.Count == ours.Subscriptions.Length
                && theirs.TopicFilters.Zip(ours.Subscriptions).All(pair => pair.First.Topic == pair.Second.Filter && (byte)pair.First.QualityOfServiceLevel == (byte)pair.Second.QualityOfService
                    && pair.First.NoLocal == pair.Second.NoLocal && pair.First.RetainAsPublished == pair.Second.RetainAsPublished),
            (MqttUnsubscribePacket theirs, UnsubscribePacket ours) => theirs.PacketIdentifier == ours.PacketId && theirs.TopicFilters.SequenceEqual(ours.Filters),
            (MqttConnectPacket theirs, ConnectPacket ours) => (theirs.ClientId ?? "") == ours.ClientId && theirs.CleanSession == ours.CleanStart && theirs.KeepAlivePeriod == ours.KeepAliveSeconds
                && theirs.WillFlag == (ours.Will is not null) && (theirs.Username ?? "") == (ours.Username ?? ""),
            _ => true,
        };
        if (equal)
        {
            _report.Compared++;
        }
        else
        {
            Fault(packet, v5, $"MQTTnet reads {other}, not {decoded ?? Encoding.UTF8.GetString(view.Topic)}");
        }
    }

    private void Fault(ReadOnlySpan<byte> packet, bool v5, string what) =>
        _report.Faults.Add($"seed {_report.Seed}, packet {_report.Packets}, {(v5 ? "5.0" : "3.1.1")}, {Convert.ToHexString(packet)}: {what}");

    private void WatchForHang(object? state)
    {
        var watch = (Watch)state!;
        var now = Volatile.Read(ref _progress);
        if (now == watch.Last)
        {
            Environment.FailFast($"seed {_report.Seed}: packet {now} has taken {Hang.TotalSeconds} s");
        }

        watch.Last = now;
    }

    private sealed class Watch
    {
        public long Last { get; set; } = -1;
    }
}
