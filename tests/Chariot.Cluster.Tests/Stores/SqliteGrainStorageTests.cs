using Chariot.Cluster.Stores;
using Chariot.TestKit;
using Microsoft.Extensions.DependencyInjection;

namespace Chariot.Cluster.Tests.Stores;

public sealed class SqliteGrainStorageTests : GrainStorageTests
{
    private readonly TempDirectory _directory = new();

    private protected override Task AddStoreAsync(IServiceCollection services)
    {
        services.AddSqliteStore(_directory.File("data"));
        return Task.CompletedTask;
    }

    private protected override Task CloseAsync()
    {
        _directory.Dispose();
        return Task.CompletedTask;
    }
}
