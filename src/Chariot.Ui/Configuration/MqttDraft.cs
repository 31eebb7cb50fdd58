using System.Globalization;
using Chariot.Abstractions.Configuration;

namespace Chariot.Ui.Configuration;

/// <summary>MQTT settings while they are edited.</summary>
public sealed class MqttDraft(MqttSettings settings)
{
    public bool AllowAnonymous { get; set; } = settings.AllowAnonymous;

    public string? AnonymousCredential { get; set; } = settings.AnonymousCredential;

    public OnDenied OnDenied { get; set; } = settings.OnDenied;

    public bool PlainListenerEnabled { get; set; } = settings.PlainListenerEnabled;

    public ClientCertificatePolicy ClientCertificates { get; set; } = settings.ClientCertificates;

    public LimitsDraft Limits { get; } = new(settings.Limits);

    /// <summary>What the page does not show stays as it was.</summary>
    public MqttSettings ToSettings() => settings with
    {
        AllowAnonymous = AllowAnonymous,
        AnonymousCredential = string.IsNullOrEmpty(AnonymousCredential) ? null : AnonymousCredential,
        OnDenied = OnDenied,
        PlainListenerEnabled = PlainListenerEnabled,
        ClientCertificates = ClientCertificates,
        Limits = Limits.ToLimits(),
    };
}

/// <summary>The limits as a list of numbers with names, in the order they are shown.</summary>
public sealed class LimitsDraft
{
    private readonly MqttLimits _from;

    public LimitsDraft(MqttLimits limits)
    {
        _from = limits;
        Fields =
        [
            new("maximumPacketSize", "Largest packet (bytes)", limits.MaximumPacketSize),
            new("maximumConnectSize", "Largest CONNECT (bytes)", limits.MaximumConnectSize),
            new("connectTimeoutSeconds", "Time from accept to CONNECT (s)", limits.ConnectTimeoutSeconds),
            new("maximumClientIdLength", "Longest client id (bytes)", limits.MaximumClientIdLength),
            new("maximumTopicLength", "Longest topic (bytes)", limits.MaximumTopicLength),
            new("maximumTopicLevels", "Levels of a topic", limits.MaximumTopicLevels),
            new("maximumFiltersPerSubscribe", "Filters in one SUBSCRIBE", limits.MaximumFiltersPerSubscribe),
            new("maximumSubscriptionsPerClient", "Subscriptions of a client", limits.MaximumSubscriptionsPerClient),
            new("receiveMaximum", "Unacknowledged messages from a client", limits.ReceiveMaximum),
            new("maximumInflight", "Unacknowledged messages to a client", limits.MaximumInflight),
            new("maximumQueuedMessages", "Messages waiting for a client", limits.MaximumQueuedMessages),
            new("maximumQueuedBytes", "Bytes waiting for a client", limits.MaximumQueuedBytes),
            new("maximumDurableQueueBytes", "Bytes stored for a durable session", limits.MaximumDurableQueueBytes),
            new("maximumSessionExpirySeconds", "Longest session expiry (s)", limits.MaximumSessionExpirySeconds),
            new("maximumRetainedMessages", "Retained messages", limits.MaximumRetainedMessages),
            new("maximumRetainedBytes", "Bytes of retained messages", limits.MaximumRetainedBytes),
            new("maximumTopicAliases", "Topic aliases of a client", limits.MaximumTopicAliases),
            new("maximumKeepAliveSeconds", "Longest keep alive (s), 0 = as the client wants", limits.MaximumKeepAliveSeconds),
            new("maximumMessageRate", "Messages a second from a client, 0 = any", limits.MaximumMessageRate),
            new("maximumByteRate", "Bytes a second from a client, 0 = any", limits.MaximumByteRate),
            new("maximumConnectRate", "Connections a second accepted by a node, 0 = any", limits.MaximumConnectRate),
            new("maximumConnectRatePerAddress", "CONNECTs a second from an address, 0 = any (20 is a good value)", limits.MaximumConnectRatePerAddress),
            new("maximumConnectionsPerCredential", "Connections of a credential on a node, 0 = any", limits.MaximumConnectionsPerCredential),
            new("maximumDurableBytes", "Bytes waiting for durable sessions of a node, 0 = any", limits.MaximumDurableBytes),
            new("maximumMemoryPercent", "Memory in use at which a node accepts no more (%), 0 = never", limits.MaximumMemoryPercent),
        ];
    }

    public IReadOnlyList<LimitField> Fields { get; }

    public MqttLimits ToLimits() => _from with
    {
        MaximumPacketSize = Int("maximumPacketSize"),
        MaximumConnectSize = Int("maximumConnectSize"),
        ConnectTimeoutSeconds = Int("connectTimeoutSeconds"),
        MaximumClientIdLength = Int("maximumClientIdLength"),
        MaximumTopicLength = Int("maximumTopicLength"),
        MaximumTopicLevels = Int("maximumTopicLevels"),
        MaximumFiltersPerSubscribe = Int("maximumFiltersPerSubscribe"),
        MaximumSubscriptionsPerClient = Int("maximumSubscriptionsPerClient"),
        ReceiveMaximum = Int("receiveMaximum"),
        MaximumInflight = Int("maximumInflight"),
        MaximumQueuedMessages = Int("maximumQueuedMessages"),
        MaximumQueuedBytes = Int("maximumQueuedBytes"),
        MaximumDurableQueueBytes = Value("maximumDurableQueueBytes"),
        MaximumSessionExpirySeconds = (uint)Math.Clamp(Value("maximumSessionExpirySeconds"), 0, uint.MaxValue),
        MaximumRetainedMessages = Int("maximumRetainedMessages"),
        MaximumRetainedBytes = Value("maximumRetainedBytes"),
        MaximumTopicAliases = Int("maximumTopicAliases"),
        MaximumKeepAliveSeconds = Int("maximumKeepAliveSeconds"),
        MaximumMessageRate = Int("maximumMessageRate"),
        MaximumByteRate = Int("maximumByteRate"),
        MaximumConnectRate = Int("maximumConnectRate"),
        MaximumConnectRatePerAddress = Int("maximumConnectRatePerAddress"),
        MaximumConnectionsPerCredential = Int("maximumConnectionsPerCredential"),
        MaximumDurableBytes = Value("maximumDurableBytes"),
        MaximumMemoryPercent = Int("maximumMemoryPercent"),
    };

    private long Value(string name) => Fields.First(f => f.Name == name).Value;

    // Beyond int is beyond every bound, and refused as such.
    private int Int(string name) => (int)Math.Clamp(Value(name), int.MinValue, int.MaxValue);
}

/// <summary>One number among the limits.</summary>
public sealed class LimitField(string name, string label, long value)
{
    /// <summary>JSON name below <c>limits</c>.</summary>
    public string Name { get; } = name;

    public string Label { get; } = label;

    public long Value { get; set; } = value;

    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}
