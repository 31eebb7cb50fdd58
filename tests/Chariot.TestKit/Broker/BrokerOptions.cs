namespace Chariot.TestKit.Broker;

/// <summary>How a test wants its broker started.</summary>
public sealed record BrokerOptions
{
    public const string DefaultPassword = "drill-and-deliver-1";

    /// <summary>CHARIOT_ADMIN_PASSWORD; null leaves it unset, so that the broker makes a one-time password.</summary>
    public string? AdminPassword { get; init; } = DefaultPassword;

    /// <summary>Further configuration, keys as in docs: <c>Chariot:Bootstrap:AllowAnonymous</c>.</summary>
    public IReadOnlyDictionary<string, string> Configuration { get; init; } = new Dictionary<string, string>();

    /// <summary>Further environment variables.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Command line arguments behind chariot.dll.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>A command that runs the command behind it in its own place (<c>nsenter</c>), in front of <c>dotnet</c>.</summary>
    public IReadOnlyList<string> Prefix { get; init; } = [];

    public BrokerPorts? Ports { get; init; }

    /// <summary>Kept by its owner; null for a fresh one that goes away with the process.</summary>
    public string? DataDirectory { get; init; }

    /// <summary>Seconds from start to "Ready".</summary>
    public double StartSeconds { get; init; } = 60;

    public static BrokerOptions AllowAnonymous { get; } = new()
    {
        Configuration = new Dictionary<string, string> { ["Chariot:Bootstrap:AllowAnonymous"] = "true" },
    };
}
