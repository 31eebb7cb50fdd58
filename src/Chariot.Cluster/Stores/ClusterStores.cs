using Chariot.Cluster.Stores.Azure;
using Chariot.Cluster.Stores.Postgres;
using Microsoft.Extensions.Logging;

namespace Chariot.Cluster.Stores;

/// <summary>The stores that several nodes can share, by the name in <c>Chariot:Store:Provider</c>.</summary>
public static class ClusterStores
{
    public const string Postgres = "postgres";
    public const string Azure = "azure";

    /// <summary>Opens the store and brings its schema up to date.</summary>
    /// <exception cref="StoreUnavailableException">It cannot be used; the message says why and what to do.</exception>
    public static async Task<IClusterStore> OpenAsync(string provider, string connectionString, string clusterId, ILoggerFactory loggers)
    {
        try
        {
            return provider switch
            {
                Postgres => new PostgresClusterStore(await PostgresStore.OpenAsync(connectionString, loggers.CreateLogger<PostgresStore>()), clusterId),
                Azure => new AzureClusterStore(await AzureStore.OpenAsync(connectionString, clusterId, loggers.CreateLogger<AzureStore>())),
                _ => throw new ArgumentOutOfRangeException(nameof(provider), provider, "Unknown store."),
            };
        }
        catch (Exception error) when (error is FormatException || (error is ArgumentException and not ArgumentOutOfRangeException))
        {
            throw new StoreUnavailableException("Chariot:Store:ConnectionString cannot be read: check its keywords.", error);
        }
    }
}
