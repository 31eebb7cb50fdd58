using System.Buffers.Binary;
using System.Text;
using Chariot.Abstractions;

namespace Chariot.Edge.Links;

/// <summary>First byte of an item. Numbers are never reused; what an edge does not know it skips.</summary>
internal enum LinkItemKind : byte
{
    /// <summary>
    /// Control: the sender has subscribers to a filter, UTF-8 as the client wrote it: members (2), filter. For a filter that is not shared
    /// members is 0 when no subscriber outlives the sender, else 1.
    /// </summary>
    RouteAdded = 1,

    /// <summary>Control: it has none any more: filter.</summary>
    RouteRemoved = 2,

    /// <summary>Control: every route that the sender had when the link began has been sent.</summary>
    RoutesEnd = 3,

    /// <summary>Control: a publish is safe at the sender: reason (1), settle id (8).</summary>
    Settled = 4,

    /// <summary>Control: the sender wants a <see cref="FenceReached"/> behind everything that was matched before: token (8).</summary>
    Fence = 5,

    /// <summary>Data: see <see cref="LinkMessage"/>.</summary>
    Message = 16,

    /// <summary>Data: every retained message that the sender had when the link began has been sent.</summary>
    RetainedEnd = 17,

    /// <summary>Data: answers a <see cref="Fence"/>: token (8).</summary>
    FenceReached = 18,

    /// <summary>Data: nothing is held any more for a silo that died; its address, UTF-8.</summary>
    Switched = 19,
}

/// <summary>Small items.</summary>
internal static class LinkItem
{
    private const int StackSize = 256;

    public static void AppendRoute(OutboundLane lane, LinkItemKind kind, string filter, int members)
    {
        var length = Encoding.UTF8.GetByteCount(filter);
        Span<byte> item = length + 3 <= StackSize ? stackalloc byte[StackSize] : new byte[length + 3];
        item[0] = (byte)kind;
        BinaryPrimitives.WriteUInt16LittleEndian(item[1..], (ushort)Math.Min(members, ushort.MaxValue));
        Encoding.UTF8.GetBytes(filter, item[3..]);
        lane.Append(item[..(length + 3)]);
    }

    public static string ReadRoute(ReadOnlySpan<byte> item, out int members)
    {
        members = BinaryPrimitives.ReadUInt16LittleEndian(item[1..]);
        return Encoding.UTF8.GetString(item[3..]);
    }

    public static void AppendSettled(OutboundLane lane, ulong id, ReasonCode reason)
    {
        Span<byte> item = stackalloc byte[10];
        item[0] = (byte)LinkItemKind.Settled;
        item[1] = (byte)reason;
        BinaryPrimitives.WriteUInt64LittleEndian(item[2..], id);
        lane.Append(item);
    }

    public static (ulong Id, ReasonCode Reason) ReadSettled(ReadOnlySpan<byte> item) =>
        (BinaryPrimitives.ReadUInt64LittleEndian(item[2..]), (ReasonCode)item[1]);

    public static void AppendMark(OutboundLane lane, LinkItemKind kind, ulong token = 0)
    {
        Span<byte> item = stackalloc byte[9];
        item[0] = (byte)kind;
        BinaryPrimitives.WriteUInt64LittleEndian(item[1..], token);
        lane.Append(item);
    }

    public static void AppendSwitched(OutboundLane lane, string silo)
    {
        var item = new byte[1 + Encoding.UTF8.GetByteCount(silo)];
        item[0] = (byte)LinkItemKind.Switched;
        Encoding.UTF8.GetBytes(silo, item.AsSpan(1));
        lane.Append(item);
    }

    public static string ReadSwitched(ReadOnlySpan<byte> item) => Encoding.UTF8.GetString(item[1..]);

    public static ulong ReadMark(ReadOnlySpan<byte> item) => BinaryPrimitives.ReadUInt64LittleEndian(item[1..]);
}
