using Chariot.Abstractions.Configuration;
using Chariot.Grains.Sessions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans.Configuration;
using Orleans.Storage;

namespace Chariot.Grains;

/// <summary>Registers what the grains need on a silo.</summary>
public static class GrainsSiloBuilderExtensions
{
    private const int CachedGrains = 100_000;

    /// <summary>
    /// Adds the grains. The host also registers <c>IEdgeLinks</c>, <c>IConfigurationFeed</c> and <c>IStoreMaintenance</c>, and
    /// a grain storage provider named <c>StateNames.Provider</c>.
    /// </summary>
    public static ISiloBuilder AddChariotGrains(this ISiloBuilder builder)
    {
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.TryAddSingleton(new ConfigurationLeaseOptions(Required: false));
        builder.Services.TryAddSingleton<SessionSubscriber>();
        // Entries outlive the activations that they point to, one for each client id and filter ever seen: Orleans' default of a million costs
        // 18 MB from the start and 400 MB in the end. What is not in it is looked up in the directory.
        builder.Services.Configure<GrainDirectoryOptions>(options => options.CacheSize = CachedGrains);
        // Orleans' default is JSON with references, which cannot read immutable dictionaries back; this one follows aliases and ids.
        builder.Services.AddSingleton<IGrainStorageSerializer, OrleansGrainStorageSerializer>();
        return builder;
    }
}
