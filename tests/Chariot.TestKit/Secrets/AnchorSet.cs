using System.Runtime.InteropServices;

namespace Chariot.TestKit.Secrets;

/// <summary>Many short byte strings, looked for together at every offset.</summary>
internal sealed class AnchorSet
{
    private readonly Dictionary<ulong, List<(byte[] Bytes, string Needle, string Form)>> _byHead = [];
    private readonly bool[] _heads = new bool[65536];

    /// <summary>Cuts <paramref name="pattern"/> into pieces of <paramref name="length"/> (at least 8), a remainder left out.</summary>
    public void Add(byte[] pattern, int length, string needle, string form)
    {
        for (var start = 0; start + length <= pattern.Length; start += length)
        {
            var bytes = pattern[start..(start + length)];
            _heads[MemoryMarshal.Read<ushort>(bytes)] = true;
            ref var list = ref CollectionsMarshal.GetValueRefOrAddDefault(_byHead, MemoryMarshal.Read<ulong>(bytes), out _);
            (list ??= []).Add((bytes, needle, form));
        }
    }

    public void Search(ReadOnlySpan<byte> content, string file, HashSet<SecretHit> hits)
    {
        for (var i = 0; i + 8 <= content.Length; i++)
        {
            var rest = content[i..];
            if (!_heads[MemoryMarshal.Read<ushort>(rest)] || !_byHead.TryGetValue(MemoryMarshal.Read<ulong>(rest), out var anchors))
            {
                continue;
            }

            foreach (var (bytes, needle, form) in anchors)
            {
                if (rest.StartsWith(bytes))
                {
                    hits.Add(new SecretHit(file, needle, form));
                }
            }
        }
    }
}
