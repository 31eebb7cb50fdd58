using Chariot.Abstractions.Stores;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using SQLitePCL;

namespace Chariot.Cluster.Stores;

/// <summary>Groups as SQLite transactions on the one writing connection.</summary>
internal sealed partial class SqliteGroupTarget : IGroupTarget
{
    private readonly ILogger _logger;
    private readonly SqliteStoreTransaction _transaction;
    private readonly SqliteStatement _begin;
    private readonly SqliteStatement _commit;
    private readonly SqliteStatement _rollback;

    /// <summary>Takes <paramref name="connection"/> over.</summary>
    public SqliteGroupTarget(SqliteConnection connection, ILogger logger)
    {
        _logger = logger;
        _transaction = new SqliteStoreTransaction(connection);
        _begin = new SqliteStatement(connection, "BEGIN IMMEDIATE");
        _commit = new SqliteStatement(connection, "COMMIT");
        _rollback = new SqliteStatement(connection, "ROLLBACK");
    }

    public SqliteConnection Connection => _transaction.Connection;

    public long BytesWritten => _transaction.BytesWritten;

    public void Begin()
    {
        _begin.Execute();
        _transaction.BytesWritten = 0;
    }

    public void Apply(StoreWork work) => work.Apply(_transaction);

    public void Commit()
    {
        try
        {
            _commit.Execute();
        }
        catch
        {
            Rollback();
            throw;
        }
    }

    public void Rollback()
    {
        // A full disk makes SQLite roll back by itself.
        if (raw.sqlite3_get_autocommit(Connection.Handle) != 0)
        {
            return;
        }

        try
        {
            _rollback.Execute();
        }
        catch (SqliteException error)
        {
            RollbackFailed(_logger, error);
        }
    }

    /// <summary>Works that are refused have thrown when they were applied.</summary>
    public Exception? RefusalOf(int index) => null;

    public bool RunsAlone(StoreWork work) => work is SqliteWork { OutsideTransaction: true };

    public GroupFailure Judge(Exception error) => GroupFailure.Refused;

    public bool IsRefusal(Exception error) => error is SqliteException;

    public void Dispose()
    {
        _begin.Dispose();
        _commit.Dispose();
        _rollback.Dispose();
        _transaction.Dispose();
        Connection.Dispose();
    }

    [LoggerMessage(3101, LogLevel.Error, "A transaction could not be rolled back. Restart the broker if the store goes on refusing work.")]
    private static partial void RollbackFailed(ILogger logger, Exception error);
}
