using Chariot.Abstractions.Configuration;
using Chariot.Grains.Sessions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans.Storage;

namespace Chariot.Grains;

/// <summary>Registers what the grains need on a silo.</summary>
public static class GrainsSiloBuilderExtensions
{
    /// <summary>
    /// Adds the grains. The host also registers <c>IEdgeLinks</c>, <c>IConfigurationFeed</c> and <c>IStoreMaintenance</c>, and
    /// a grain storage provider named <c>StateNames.Provider</c>.
    /// </summary>
    public static ISiloBuilder AddChariotGrains(this ISiloBuilder builder)
    {
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.TryAddSingleton(new ConfigurationLeaseOptions(Required: false));
        builder.Services.TryAddSingleton<SessionSubscriber>();
        // Orleans' default is JSON with references, which cannot read immutable dictionaries back; this one follows aliases and ids.
        builder.Services.AddSingleton<IGrainStorageSerializer, OrleansGrainStorageSerializer>();
        return builder;
    }
}
