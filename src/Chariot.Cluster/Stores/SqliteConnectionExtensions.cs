using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Chariot.Cluster.Stores;

/// <summary>For statements that run once; what runs often is a <see cref="SqliteStatement"/>.</summary>
internal static class SqliteConnectionExtensions
{
    public static void Execute(this SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Callers pass constants of this folder.
        command.CommandText = sql;
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }

    public static long ReadInt64(this SqliteConnection connection, string sql) =>
        Convert.ToInt64(connection.ReadScalar(sql), CultureInfo.InvariantCulture);

    public static object? ReadScalar(this SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Callers pass constants of this folder.
        command.CommandText = sql;
#pragma warning restore CA2100
        return command.ExecuteScalar();
    }
}
