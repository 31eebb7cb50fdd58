using System.Text;

namespace Chariot.Edge.Tests.Codec;

/// <summary>Builds packets by hand, valid or not.</summary>
internal static class Bytes
{
    /// <summary>Parts are bytes given as int, byte arrays, or strings, which get their two bytes of length.</summary>
    public static byte[] Of(params object[] parts)
    {
        using var stream = new MemoryStream();
        foreach (var part in parts)
        {
            stream.Write(part switch
            {
                int value => [(byte)value],
                byte[] value => value,
                string text => Prefixed(Encoding.UTF8.GetBytes(text)),
                _ => throw new ArgumentException($"{part.GetType()} is no part of a packet", nameof(parts)),
            });
        }

        return stream.ToArray();
    }

    public static byte[] Prefixed(byte[] value) => [(byte)(value.Length >> 8), (byte)value.Length, .. value];

    /// <summary>A property block with its length.</summary>
    public static byte[] Block(params object[] parts)
    {
        var block = Of(parts);
        return [.. Variable(block.Length), .. block];
    }

    public static byte[] Variable(int value)
    {
        var bytes = new List<byte>();
        do
        {
            bytes.Add((byte)(value % 128 | (value >= 128 ? 128 : 0)));
            value /= 128;
        }
        while (value > 0);
        return [.. bytes];
    }

    public static byte[] Packet(int header, params object[] body)
    {
        var bytes = Of(body);
        return [(byte)header, .. Variable(bytes.Length), .. bytes];
    }

    public static byte[] Concat(IEnumerable<byte[]> parts) => [.. parts.SelectMany(part => part)];
}
