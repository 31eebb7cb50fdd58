namespace Chariot.Abstractions.Configuration;

/// <summary>
/// A set of certificate serial numbers (RFC 5280 section 4.1.2.2: at most 20 octets) in one byte array: sorted slots of
/// <see cref="SlotSize"/> bytes, each a length and the number, big-endian without leading zeros. Small to store and to send, and
/// looked up without building anything.
/// </summary>
public static class SerialNumbers
{
    /// <summary>Octets of a serial number at most.</summary>
    public const int MaximumLength = 20;

    public const int SlotSize = MaximumLength + 1;

    public static int Count(byte[] set)
    {
        ArgumentNullException.ThrowIfNull(set);
        return set.Length / SlotSize;
    }

    /// <summary>Reads hex digits, in either case, separated by colons or not. False for anything that is no serial number.</summary>
    public static bool TryParse(string? text, out byte[] serial)
    {
        serial = [];
        var digits = text?.Replace(":", "", StringComparison.Ordinal) ?? "";
        if (digits.Length is 0 or > 4 * MaximumLength || !digits.All(char.IsAsciiHexDigit))
        {
            return false;
        }

        serial = Normalise(Convert.FromHexString(digits.Length % 2 == 0 ? digits : "0" + digits)).ToArray();
        return serial.Length <= MaximumLength;
    }

    /// <summary>Without leading zeros, but never empty.</summary>
    public static ReadOnlySpan<byte> Normalise(ReadOnlySpan<byte> serial)
    {
        var trimmed = serial.TrimStart((byte)0);
        return trimmed.IsEmpty ? serial[^Math.Min(1, serial.Length)..] : trimmed;
    }

    /// <summary>Lower-case hex of <see cref="Normalise"/>.</summary>
    public static string Format(ReadOnlySpan<byte> serial) => Convert.ToHexStringLower(Normalise(serial));

    /// <summary>A set of <paramref name="serials"/>; throws for one that is longer than <see cref="MaximumLength"/>.</summary>
    public static byte[] Pack(IEnumerable<byte[]> serials)
    {
        ArgumentNullException.ThrowIfNull(serials);
        var slots = serials.Select(Slot).ToArray();
        Array.Sort(slots, static (a, b) => a.AsSpan().SequenceCompareTo(b));
        var set = new byte[slots.Length * SlotSize];
        var used = 0;
        foreach (var slot in slots)
        {
            if (used == 0 || !set.AsSpan(used - SlotSize, SlotSize).SequenceEqual(slot))
            {
                slot.CopyTo(set, used);
                used += SlotSize;
            }
        }

        return set[..used];
    }

    public static bool Contains(byte[] set, ReadOnlySpan<byte> serial)
    {
        ArgumentNullException.ThrowIfNull(set);
        serial = Normalise(serial);
        if (serial.Length > MaximumLength)
        {
            return false;
        }

        Span<byte> slot = stackalloc byte[SlotSize];
        slot[0] = (byte)serial.Length;
        serial.CopyTo(slot[1..]);
        var (low, high) = (0, Count(set) - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            var order = set.AsSpan(middle * SlotSize, SlotSize).SequenceCompareTo(slot);
            if (order == 0)
            {
                return true;
            }

            (low, high) = order < 0 ? (middle + 1, high) : (low, middle - 1);
        }

        return false;
    }

    /// <summary>The serial numbers of <paramref name="set"/>.</summary>
    public static IEnumerable<byte[]> Unpack(byte[] set)
    {
        ArgumentNullException.ThrowIfNull(set);
        for (var at = 0; at < set.Length; at += SlotSize)
        {
            yield return set[(at + 1)..(at + 1 + set[at])];
        }
    }

    private static byte[] Slot(byte[] serial)
    {
        var trimmed = Normalise(serial);
        var slot = new byte[SlotSize];
        slot[0] = checked((byte)trimmed.Length);
        trimmed.CopyTo(slot.AsSpan(1));
        return slot;
    }
}
