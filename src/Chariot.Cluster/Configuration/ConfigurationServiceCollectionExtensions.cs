using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Cluster.Secrets;
using Chariot.Cluster.Tls;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Chariot.Cluster.Configuration;

/// <summary>Registration for every kind of process, admin-only ones included.</summary>
public static class ConfigurationServiceCollectionExtensions
{
    /// <summary>
    /// Adds <see cref="IConfigurationFeed"/>, <see cref="IConfigurationStart"/>, <see cref="ISecretSealer"/> and <see cref="IOcspStatus"/>. Needs an
    /// <see cref="IGrainFactory"/>: that of the silo or of an Orleans client. <paramref name="masterKey"/> stays the caller's. Where several processes share the
    /// configuration, <see cref="ConfigurationLeaseOptions"/> are registered before; <see cref="SslRecordOptions"/> too, where the data directory is not that of the master key.
    /// </summary>
    public static IServiceCollection AddChariotConfiguration(this IServiceCollection services, string nodeName, MasterKey masterKey)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(masterKey);
        services.TryAddSingleton<ISecretSealer, SecretSealer>();
        services.TryAddSingleton<TlsMaterialFactory>();
        services.TryAddSingleton<IConfigurationSource>(provider => new GrainConfigurationSource(provider.GetRequiredService<IGrainFactory>(), provider.GetService<ILocalSiloDetails>()));
        services.TryAddSingleton(new ConfigurationLeaseOptions(Required: false));
        services.TryAddSingleton<ConfigurationLease>();
        services.AddSingleton<IReadiness, LeaseReadiness>();
        services.TryAddSingleton(new ConfigurationFeedOptions { NodeName = nodeName });
        services.TryAddSingleton(new SslRecordOptions(Path.GetDirectoryName(masterKey.File)!, IsOnlyNode: false));
        services.TryAddSingleton(provider => new SslRecord(masterKey, provider.GetRequiredService<ISecretSealer>(), provider.GetRequiredService<SslRecordOptions>(), nodeName));
        services.TryAddSingleton<SslFence>();
        services.TryAddSingleton<ISslFence>(provider => provider.GetRequiredService<SslFence>());
        services.AddSingleton<IReadiness>(provider => provider.GetRequiredService<SslFence>());
        services.TryAddSingleton(provider => new ConfigurationFeed(
            provider.GetRequiredService<IConfigurationSource>(),
            provider.GetRequiredService<TlsMaterialFactory>(),
            () => [.. provider.GetServices<IConfigurationConsumer>()],
            provider.GetRequiredService<ConfigurationFeedOptions>(),
            provider.GetRequiredService<ConfigurationLease>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<ConfigurationFeed>>(),
            provider.GetRequiredService<SslFence>()));
        services.TryAddSingleton<IConfigurationFeed>(provider => provider.GetRequiredService<ConfigurationFeed>());
        services.TryAddSingleton<IConfigurationStart>(provider => provider.GetRequiredService<ConfigurationFeed>());
        services.TryAddSingleton<OcspStapling>();
        services.TryAddSingleton<IOcspStatus>(provider => provider.GetRequiredService<OcspStapling>());
        services.AddHostedService(provider => provider.GetRequiredService<OcspStapling>());
        return services;
    }
}
