using System.Net.Sockets;
using Npgsql;

namespace Chariot.Cluster.Stores.Postgres;

/// <summary>What an exception of Npgsql means to whoever tries again (PostgreSQL documentation, appendix A).</summary>
internal static class PostgresFailure
{
    public static GroupFailure Judge(Exception error) => error switch
    {
        PostgresException { SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.ForeignKeyViolation or Fenced } => GroupFailure.Conflict,
        PostgresException { SqlState: PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow or PostgresErrorCodes.TooManyConnections } => GroupFailure.Unreachable,
        // Read only: a standby that is not promoted yet, or a server that is switching over.
        PostgresException { SqlState: PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.QueryCanceled or PostgresErrorCodes.LockNotAvailable or IdleInTransaction } => GroupFailure.Unreachable,
        PostgresException { SqlState: ['0', '8', ..] } => GroupFailure.Unreachable,
        // Data that no column takes: 22 data exception, 23 integrity constraint.
        PostgresException { SqlState: ['2', '2' or '3', ..] } => GroupFailure.OneWork,
        PostgresException => GroupFailure.Refused,
        NpgsqlException or SocketException or IOException or TimeoutException => GroupFailure.Unreachable,
        // What Npgsql says of a connection that broke between two calls.
        InvalidOperationException => GroupFailure.Unreachable,
        _ => GroupFailure.OneWork,
    };

    /// <summary>This process hung between two round trips, and the server has undone the transaction.</summary>
    private const string IdleInTransaction = "25P03";

    /// <summary>Raised by <see cref="PostgresBatch.RaiseFences"/>: division by zero, when another silo has raised a fence meanwhile.</summary>
    public const string Fenced = PostgresErrorCodes.DivisionByZero;
}
