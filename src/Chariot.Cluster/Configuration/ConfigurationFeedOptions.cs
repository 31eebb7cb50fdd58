namespace Chariot.Cluster.Configuration;

/// <summary>What <see cref="ConfigurationFeed"/> needs to know of this process.</summary>
internal sealed class ConfigurationFeedOptions
{
    /// <summary><c>Chariot:NodeName</c>, as named in answers to administrators.</summary>
    public required string NodeName { get; init; }

    /// <summary>How often the committed configuration is read, so that a missed push heals and the lease is renewed. Default 1 s.</summary>
    public TimeSpan PullPeriod { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long one read may take before it is asked again: the grain may have moved. Default 1.5 s.</summary>
    public TimeSpan PullLimit { get; init; } = TimeSpan.FromMilliseconds(1500);

    /// <summary>Pause between attempts to read the configuration at start. Default 1 s.</summary>
    public TimeSpan StartRetryPeriod { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a prepared certificate is held without activation. Default 30 s.</summary>
    public TimeSpan PrepareLifetime { get; init; } = TimeSpan.FromSeconds(30);
}
