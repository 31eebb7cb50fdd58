using System.Globalization;
using Npgsql;

namespace Chariot.Cluster.Stores.Postgres;

/// <summary>Brings a database to the tables that this build needs: Orleans' own scripts, and Chariot's steps.</summary>
internal static class PostgresSchema
{
    /// <summary>"chariot" as a number: the advisory lock that one starting node at a time holds.</summary>
    private const long LockKey = 0x63_68_61_72_69_6F_74;

    /// <summary>A published step never changes: a new version is a new step.</summary>
    private static readonly string[][] Steps =
    [
        ["orleans-main.sql", "orleans-clustering.sql", "orleans-persistence.sql", "orleans-reminders.sql", "chariot-1.sql"],
    ];

    public static int Version => Steps.Length;

    /// <summary>Applies what is missing, each step in one transaction; others that start at the same time wait.</summary>
    /// <exception cref="StoreUnavailableException">The database was written by a newer build.</exception>
    public static async Task MigrateAsync(NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await ExecuteAsync(connection, string.Create(CultureInfo.InvariantCulture, $"SELECT pg_advisory_lock({LockKey})"), cancellationToken);
        try
        {
            await ExecuteAsync(connection, "CREATE TABLE IF NOT EXISTS chariot_schema (version integer NOT NULL)", cancellationToken);
            var version = await ReadVersionAsync(connection, cancellationToken);
            if (version > Version)
            {
                throw new StoreUnavailableException(
                    $"The PostgreSQL database '{connection.Database}' has schema version {version}, newer than the {Version} that this build knows. Start the newer Chariot, or restore a backup made by this one.");
            }

            for (var next = version; next < Version; next++)
            {
                await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
                foreach (var script in Steps[next])
                {
                    await ExecuteAsync(connection, Read(script), cancellationToken);
                }

                await ExecuteAsync(connection, string.Create(CultureInfo.InvariantCulture, $"DELETE FROM chariot_schema; INSERT INTO chariot_schema VALUES ({next + 1})"), cancellationToken);
                await transaction.CommitAsync(cancellationToken);
            }
        }
        finally
        {
            await ExecuteAsync(connection, string.Create(CultureInfo.InvariantCulture, $"SELECT pg_advisory_unlock({LockKey})"), CancellationToken.None);
        }
    }

    private static async Task<int> ReadVersionAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT coalesce(max(version), 0) FROM chariot_schema", connection);
        return (int)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static string Read(string script)
    {
        var name = $"{typeof(PostgresSchema).Namespace}.Schema.{script}";
        using var stream = typeof(PostgresSchema).Assembly.GetManifestResourceStream(name) ?? throw new InvalidOperationException($"Resource {name} is missing.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
