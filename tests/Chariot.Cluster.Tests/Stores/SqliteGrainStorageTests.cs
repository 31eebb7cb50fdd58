using Chariot.Cluster.Stores;
using Chariot.TestKit;
using Microsoft.Extensions.DependencyInjection;

namespace Chariot.Cluster.Tests.Stores;

public sealed class SqliteGrainStorageTests : GrainStorageTests, IDisposable
{
    private readonly TempDirectory _directory = new();

    /// <summary>After the store is closed.</summary>
    public void Dispose() => _directory.Dispose();

    private protected override Task AddStoreAsync(IServiceCollection services)
    {
        services.AddSqliteStore(_directory.File("data"));
        return Task.CompletedTask;
    }
}
