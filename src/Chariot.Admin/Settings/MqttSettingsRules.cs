using System.Collections.Immutable;
using Chariot.Abstractions.Configuration;

namespace Chariot.Admin.Settings;

/// <summary>Bounds of the live MQTT settings. All findings come at once.</summary>
internal static class MqttSettingsRules
{
    /// <summary>The largest MQTT packet: a fixed header of 5 bytes and 268,435,455 bytes behind it (section 2.1.4).</summary>
    public const int LargestPacket = 268_435_460;

    /// <summary>Characters of a text that goes into CONNACK or DISCONNECT.</summary>
    public const int LongestText = 1024;

    public static ImmutableArray<Finding> Check(MqttSettings settings)
    {
        var findings = ImmutableArray.CreateBuilder<Finding>();
        var limits = settings.Limits;
        Range("maximumPacketSize", limits.MaximumPacketSize, 1024, LargestPacket);
        Range("maximumConnectSize", limits.MaximumConnectSize, 256, LargestPacket);
        Range("connectTimeoutSeconds", limits.ConnectTimeoutSeconds, 1, 300);
        // A 3.1.1 server must allow 23 bytes [MQTT-3.1.3-5]; longer strings do not fit the wire.
        Range("maximumClientIdLength", limits.MaximumClientIdLength, 23, 65_535);
        Range("maximumTopicLength", limits.MaximumTopicLength, 1, 65_535);
        Range("maximumTopicLevels", limits.MaximumTopicLevels, 1, 65_535);
        Range("maximumFiltersPerSubscribe", limits.MaximumFiltersPerSubscribe, 1, 10_000);
        Range("maximumSubscriptionsPerClient", limits.MaximumSubscriptionsPerClient, 1, 1_000_000);
        Range("receiveMaximum", limits.ReceiveMaximum, 1, 65_535);
        Range("maximumInflight", limits.MaximumInflight, 1, 65_535);
        Range("maximumQueuedMessages", limits.MaximumQueuedMessages, 1, 10_000_000);
        Range("maximumQueuedBytes", limits.MaximumQueuedBytes, 64 * 1024, int.MaxValue);
        Range("maximumDurableQueueBytes", limits.MaximumDurableQueueBytes, 64 * 1024, 1L << 50);
        Range("maximumSessionExpirySeconds", limits.MaximumSessionExpirySeconds, 0, uint.MaxValue);
        Range("maximumRetainedMessages", limits.MaximumRetainedMessages, 0, 100_000_000);
        Range("maximumRetainedBytes", limits.MaximumRetainedBytes, 0, 1L << 50);
        Range("maximumTopicAliases", limits.MaximumTopicAliases, 0, 65_535);
        Range("maximumKeepAliveSeconds", limits.MaximumKeepAliveSeconds, 0, 65_535);
        Range("maximumMessageRate", limits.MaximumMessageRate, 0, 10_000_000);
        Range("maximumByteRate", limits.MaximumByteRate, 0, int.MaxValue);
        Range("maximumConnectRate", limits.MaximumConnectRate, 0, 1_000_000);
        Range("maximumConnectRatePerAddress", limits.MaximumConnectRatePerAddress, 0, 1_000_000);
        Range("maximumConnectionsPerCredential", limits.MaximumConnectionsPerCredential, 0, 10_000_000);
        Range("maximumDurableBytes", limits.MaximumDurableBytes, 0, 1L << 50);
        Range("maximumMemoryPercent", limits.MaximumMemoryPercent, 0, 95);
        Text("responseInformation", settings.ResponseInformation);
        Text("serverReference", settings.ServerReference);
        if (!Enum.IsDefined(settings.SharedSubscriptionStrategy))
        {
            findings.Add(Findings.Error("strategy.unknown", "sharedSubscriptionStrategy", "sharedSubscriptionStrategy is leastLoaded, roundRobin, hashByClient, hashByTopic or sticky."));
        }

        return findings.ToImmutable();

        // It goes into a packet as it is: no control characters, and short enough to fit beside the rest.
        void Text(string field, string? value)
        {
            if (value is not null && (value.Length > LongestText || value.Any(char.IsControl) || !IsWellFormed(value)))
            {
                findings.Add(Findings.Error("text.invalid", field, FormattableString.Invariant($"{field} has at most {LongestText} characters and no control characters.")));
            }
        }

        void Range(string field, long value, long least, long most)
        {
            if (value < least || value > most)
            {
                findings.Add(Findings.Error("limit.range", $"limits.{field}", FormattableString.Invariant($"limits.{field} is {value}; it must be {least} to {most}.")));
            }
        }
    }

    private static bool IsWellFormed(string text)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune == System.Text.Rune.ReplacementChar)
            {
                return false;
            }
        }

        return true;
    }
}
