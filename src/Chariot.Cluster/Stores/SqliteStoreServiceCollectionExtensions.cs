using Chariot.Abstractions.Stores;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Runtime.Hosting;
using Orleans.Serialization.Serializers;
using Orleans.Storage;

namespace Chariot.Cluster.Stores;

/// <summary>Registers the embedded store.</summary>
public static class SqliteStoreServiceCollectionExtensions
{
    /// <summary>
    /// One node's store in <paramref name="dataDirectory"/>: messages, grain state under <see cref="StateNames.Provider"/>, bulk reads of it,
    /// the audit log and maintenance. It opens when first resolved (<see cref="StoreUnavailableException"/> if it cannot) and
    /// commits what is queued when the provider is disposed.
    /// </summary>
    public static IServiceCollection AddSqliteStore(this IServiceCollection services, string dataDirectory)
    {
        services.AddSingleton(provider => SqliteStore.Open(dataDirectory, provider.GetRequiredService<ILogger<SqliteStore>>()));
        services.AddSingleton<IMessageStore>(static provider => provider.GetRequiredService<SqliteStore>());
        services.AddSingleton<IStoreMaintenance>(static provider => provider.GetRequiredService<SqliteStore>());
        services.AddSingleton<IAuditLog, SqliteAuditLog>();
        services.AddSingleton<IGrainStateIndex>(static provider => new SqliteGrainStateIndex(provider.GetRequiredService<SqliteStore>(), Serializer(provider)));
        services.AddGrainStorage(StateNames.Provider, static (provider, _) => new SqliteGrainStorage(
            provider.GetRequiredService<SqliteStore>(), Serializer(provider), provider.GetRequiredService<IActivatorProvider>(), Time(provider)));
        return services;
    }

    /// <summary>Orleans' own format: [Id] and [Alias] let old and new versions read each other's state.</summary>
    private static OrleansGrainStorageSerializer Serializer(IServiceProvider provider) => new(provider.GetRequiredService<Orleans.Serialization.Serializer>());

    private static TimeProvider Time(IServiceProvider provider) => provider.GetService<TimeProvider>() ?? TimeProvider.System;
}
