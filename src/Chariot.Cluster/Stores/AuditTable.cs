using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Chariot.Abstractions.Stores;

namespace Chariot.Cluster.Stores;

/// <summary>Appends to the audit log: each row's hash covers the hash of the row before it.</summary>
internal sealed class AuditTable(Func<string, SqliteStatement> prepare)
{
    public const string Columns = "id, at, actor, address, action, target, outcome, detail, hash";
    private readonly SqliteStatement _last = prepare("SELECT hash FROM audit ORDER BY id DESC LIMIT 1");
    private readonly SqliteStatement _issued = prepare("SELECT seq FROM sqlite_sequence WHERE name = 'audit'");
    private readonly SqliteStatement _insert = prepare($"INSERT INTO audit ({Columns}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");

    public void Append(AuditEntry entry)
    {
        var previous = ReadLastHash();
        // The id after the last one ever given, so that rows removed at the end leave a gap.
        var numbered = entry with { Id = (_issued.ReadInt64() ?? 0) + 1 };
        _insert.Bind(1, numbered.Id).Bind(2, numbered.At.UtcTicks).Bind(3, numbered.Actor).Bind(4, numbered.Address).Bind(5, numbered.Action)
            .Bind(6, numbered.Target).Bind(7, numbered.Outcome).Bind(8, numbered.Detail).Bind(9, Hash(previous, numbered)).Execute();
    }

    /// <summary>SHA-256 over the previous hash and every field; texts with their length, so that no two rows read alike.</summary>
    public static byte[] Hash(ReadOnlySpan<byte> previous, AuditEntry entry)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(previous);
        AppendInt64(hash, entry.Id);
        AppendInt64(hash, entry.At.UtcTicks);
        foreach (var text in (ReadOnlySpan<string>)[entry.Actor, entry.Address, entry.Action, entry.Target, entry.Outcome, entry.Detail])
        {
            var utf8 = Encoding.UTF8.GetBytes(text);
            AppendInt64(hash, utf8.Length);
            hash.AppendData(utf8);
        }

        return hash.GetHashAndReset();
    }

    public static AuditEntry ReadEntry(SqliteStatement row) => new(
        row.GetInt64(0),
        new DateTimeOffset(row.GetInt64(1), TimeSpan.Zero),
        row.GetString(2),
        row.GetString(3),
        row.GetString(4),
        row.GetString(5),
        row.GetString(6),
        row.GetString(7));

    private byte[] ReadLastHash()
    {
        try
        {
            return _last.Step() ? _last.GetBytes(0) : [];
        }
        finally
        {
            _last.Reset();
        }
    }

    private static void AppendInt64(IncrementalHash hash, long value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        hash.AppendData(bytes);
    }
}
