using System.Buffers;

namespace Chariot.Edge.Connections;

/// <summary>
/// Buffers of connections. A fan-out rents one for each of hundreds of subscribers before it returns any, which is more than
/// the runtime's shared pool keeps: it would allocate them anew with each batch. Sizes up to 16 KiB are kept here, at most 4,096
/// of each; larger ones, which are rare, come from the shared pool.
/// </summary>
internal static class BufferPool
{
    private const int LargestKept = 16 * 1024;
    private const int KeptPerSize = 4096;

    private static readonly ArrayPool<byte> Kept = ArrayPool<byte>.Create(LargestKept, KeptPerSize);

    /// <summary>A buffer of at least <paramref name="size"/> bytes, with whatever is in it.</summary>
    public static byte[] Rent(int size) => size <= LargestKept ? Kept.Rent(size) : ArrayPool<byte>.Shared.Rent(size);

    public static void Return(byte[] buffer)
    {
        if (buffer.Length <= LargestKept)
        {
            Kept.Return(buffer);
        }
        else
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
