using System.Net.Sockets;
using Chariot.Abstractions.Stores;
using Npgsql;

namespace Chariot.Cluster.Stores.Postgres;

/// <summary>
/// Groups as PostgreSQL transactions on the one writing connection. Without fences a group is one round trip: a batch is one
/// transaction. With fences the epochs are read and locked first, so that a work that is too old leaves the others alone.
/// </summary>
internal sealed class PostgresGroupTarget(NpgsqlDataSource source) : IGroupTarget
{
    private readonly RecordedGroup _group = new();
    private readonly Dictionary<int, Exception> _refused = [];
    private NpgsqlConnection? _connection;

    public long BytesWritten => _group.Bytes;

    public void Begin()
    {
        _group.Clear();
        _refused.Clear();
        if (_connection is { FullState: System.Data.ConnectionState.Open })
        {
            return;
        }

        Disconnect();
        _connection = source.OpenConnection();
    }

    public void Apply(StoreWork work)
    {
        _group.BeginWork();
        work.Apply(_group);
    }

    public void Commit()
    {
        try
        {
            if (_group.HasFences)
            {
                CommitFenced();
            }
            else
            {
                using var batch = new NpgsqlBatch(_connection);
                PostgresBatch.Add(batch, _group.Merge([], _refused));
                Execute(batch);
            }
        }
        catch
        {
            Recover();
            throw;
        }
    }

    public void Rollback() => _group.Clear();

    public Exception? RefusalOf(int index) => _refused.GetValueOrDefault(index);

    public bool RunsAlone(StoreWork work) => false;

    public GroupFailure Judge(Exception error) => PostgresFailure.Judge(error);

    public bool IsRefusal(Exception error) => error is NpgsqlException && Judge(error) != GroupFailure.OneWork;

    public void Dispose() => Disconnect();

    private static void Execute(NpgsqlBatch batch)
    {
        if (batch.BatchCommands.Count > 0)
        {
            batch.ExecuteNonQuery();
        }
    }

    private void CommitFenced()
    {
        var epochs = new Dictionary<long, long>();
        using (var read = new NpgsqlBatch(_connection))
        {
            read.BatchCommands.Add(new NpgsqlBatchCommand("BEGIN"));
            PostgresBatch.Add(read, "SELECT session, epoch FROM session_fence WHERE session = ANY ($1) ORDER BY session FOR SHARE", _group.FencedSessions());
            using var reader = read.ExecuteReader();
            while (reader.Read())
            {
                epochs[reader.GetInt64(0)] = reader.GetInt64(1);
            }
        }

        var merged = _group.Merge(epochs, _refused);
        using var write = new NpgsqlBatch(_connection);
        if (merged.Fences.Count > 0)
        {
            // Rows that were not there could not be locked: what another silo has put there since must not be lower than ours.
            PostgresBatch.Add(write, PostgresBatch.RaiseFences, merged.Fences.Keys.ToArray(), merged.Fences.Values.ToArray());
        }

        PostgresBatch.Add(write, merged);
        write.BatchCommands.Add(new NpgsqlBatchCommand("COMMIT"));
        Execute(write);
    }

    /// <summary>Ends what a failed commit has left open; a connection that cannot do that is closed.</summary>
    private void Recover()
    {
        if (_connection is null || !_group.HasFences)
        {
            return;
        }

        try
        {
            using var rollback = new NpgsqlCommand("ROLLBACK", _connection);
            rollback.ExecuteNonQuery();
        }
        catch (Exception error) when (error is NpgsqlException or InvalidOperationException or SocketException or IOException)
        {
            Disconnect();
        }
    }

    private void Disconnect()
    {
        _connection?.Dispose();
        _connection = null;
    }
}
