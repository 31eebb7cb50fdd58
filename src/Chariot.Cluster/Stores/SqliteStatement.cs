using System.Buffers;
using System.Text;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Chariot.Cluster.Stores;

/// <summary>
/// A statement that is prepared once and used often. Binds by position, so that a row costs no parameter look-up and no
/// allocation: <see cref="SqliteCommand"/> was the greater part of the cost of a small insert. Not thread safe.
/// </summary>
internal sealed class SqliteStatement : IDisposable
{
    private const uint PreparePersistent = 1;
    private const int StackText = 256;
    private readonly sqlite3 _connection;
    private readonly sqlite3_stmt _statement;

    public SqliteStatement(SqliteConnection connection, string sql)
    {
        _connection = connection.Handle ?? throw new InvalidOperationException("The connection is not open.");
        Check(raw.sqlite3_prepare_v3(_connection, sql, PreparePersistent, out _statement));
    }

    /// <summary>Rows that the last <see cref="Execute"/> inserted, changed or deleted.</summary>
    public int Changes => raw.sqlite3_changes(_connection);

    public SqliteStatement Bind(int index, long value)
    {
        Check(raw.sqlite3_bind_int64(_statement, index, value));
        return this;
    }

    public SqliteStatement Bind(int index, ReadOnlySpan<byte> value)
    {
        // The binding passes an empty span as a null pointer, which SQLite takes for NULL.
        Check(value.IsEmpty ? raw.sqlite3_bind_zeroblob(_statement, index, 0) : raw.sqlite3_bind_blob(_statement, index, value));
        return this;
    }

    public SqliteStatement Bind(int index, string value)
    {
        if (value.Length == 0)
        {
            Check(raw.sqlite3_bind_text(_statement, index, value));
            return this;
        }

        var length = Encoding.UTF8.GetMaxByteCount(value.Length);
        var rented = length > StackText ? ArrayPool<byte>.Shared.Rent(length) : null;
        var buffer = rented ?? stackalloc byte[StackText];
        Check(raw.sqlite3_bind_text(_statement, index, (ReadOnlySpan<byte>)buffer[..Encoding.UTF8.GetBytes(value, buffer)]));
        if (rented is not null)
        {
            ArrayPool<byte>.Shared.Return(rented);
        }

        return this;
    }

    /// <summary>Binds UTF-8 that need not be valid: the upper bound of a prefix.</summary>
    public SqliteStatement BindText(int index, ReadOnlySpan<byte> utf8)
    {
        Check(raw.sqlite3_bind_text(_statement, index, utf8));
        return this;
    }

    /// <summary>Runs a statement whose rows do not matter.</summary>
    public void Execute()
    {
        try
        {
            while (Step())
            {
            }
        }
        finally
        {
            Reset();
        }
    }

    /// <summary>The first column of the first row; null when there is no row.</summary>
    public long? ReadInt64()
    {
        try
        {
            return Step() ? GetInt64(0) : null;
        }
        finally
        {
            Reset();
        }
    }

    /// <summary>Moves to the next row; follow with <see cref="Reset"/>, or the snapshot stays open.</summary>
    public bool Step()
    {
        var result = raw.sqlite3_step(_statement);
        if (result == raw.SQLITE_ROW)
        {
            return true;
        }

        if (result != raw.SQLITE_DONE)
        {
            Check(result);
        }

        return false;
    }

    /// <summary>Its result repeats the error of the step before, which has been thrown already.</summary>
    public void Reset() => raw.sqlite3_reset(_statement);

    public long GetInt64(int column) => raw.sqlite3_column_int64(_statement, column);

    public bool GetBoolean(int column) => GetInt64(column) != 0;

    /// <summary>Valid until the next step or reset.</summary>
    public ReadOnlySpan<byte> GetSpan(int column) => raw.sqlite3_column_blob(_statement, column);

    public byte[] GetBytes(int column) => GetSpan(column).ToArray();

    public string GetString(int column) => raw.sqlite3_column_text(_statement, column).utf8_to_string();

    public void Dispose() => _statement.Dispose();

    private void Check(int result)
    {
        if (result != raw.SQLITE_OK)
        {
            SqliteException.ThrowExceptionForRC(result, _connection);
        }
    }
}
