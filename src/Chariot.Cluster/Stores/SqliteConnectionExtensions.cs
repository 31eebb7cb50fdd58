using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Chariot.Cluster.Stores;

/// <summary>For constant statements that run once; what runs often is a <see cref="SqliteStatement"/>.</summary>
internal static class SqliteConnectionExtensions
{
    public static void Execute(this SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    public static long ReadInt64(this SqliteConnection connection, string sql) =>
        Convert.ToInt64(connection.ReadScalar(sql), CultureInfo.InvariantCulture);

    public static object? ReadScalar(this SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}
