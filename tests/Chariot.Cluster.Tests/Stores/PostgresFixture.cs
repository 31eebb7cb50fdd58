using Chariot.Cluster.Stores.Postgres;
using Chariot.TestKit.Stores;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Chariot.Cluster.Tests.Stores;

/// <summary>One server for all tests of the collection, and a database with all tables that the others are copied from.</summary>
public sealed class PostgresFixture : IAsyncLifetime
{
    private string _template = "";

    public PostgresServer Server { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Server = await PostgresServer.StartAsync();
        var template = await Server.CreateDatabaseAsync();
        _template = new NpgsqlConnectionStringBuilder(template).Database!;
        await using var store = await PostgresStore.OpenAsync(template, NullLogger.Instance);
    }

    public async Task DisposeAsync() => await Server.DisposeAsync();

    /// <summary>Connection string of a fresh database with all tables.</summary>
    public Task<string> CreateDatabaseAsync() => Server.CreateDatabaseAsync(_template);
}

[CollectionDefinition(Name)]
public sealed class PostgresTests : ICollectionFixture<PostgresFixture>
{
    public const string Name = "postgres";
}
