namespace Chariot.Admin.Ssl.Validation;

/// <summary>Why a byte string is not one DER value, and where. <see cref="IsTooDeep"/>: more than 64 levels.</summary>
internal readonly record struct DerFault(int Offset, string Reason, bool IsTooDeep = false);

/// <summary>
/// Checks that bytes are exactly one DER value (X.690 section 10 and 11) before any library sees them. One pass, no recursion,
/// nothing allocated from a declared length: hostile nesting and lengths cost nothing.
/// </summary>
internal static class DerWalker
{
    /// <summary>Nesting allowed; a certificate needs about 10. Libraries recurse, and a stack overflow ends the process.</summary>
    public const int MaximumDepth = 64;

    /// <summary>The first fault of <paramref name="der"/>, or null when it is sound.</summary>
    public static DerFault? Check(ReadOnlySpan<byte> der)
    {
        Span<int> ends = stackalloc int[MaximumDepth];
        var depth = 0;
        var position = 0;
        var end = der.Length;
        if (der.IsEmpty)
        {
            return new DerFault(0, "it is empty");
        }

        while (true)
        {
            var start = position;
            if (!TryReadHeader(der, ref position, end, out var tag, out var length, out var reason))
            {
                return new DerFault(start, reason);
            }

            var constructed = (tag & 0x20) != 0;
            if (CheckForm(tag) is { } wrongForm)
            {
                return new DerFault(start, wrongForm);
            }

            if (constructed)
            {
                if (depth == MaximumDepth)
                {
                    return new DerFault(start, "it is nested too deeply", IsTooDeep: true);
                }

                ends[depth++] = end;
                end = position + length;
            }
            else
            {
                if (CheckPrimitive(tag, der.Slice(position, length)) is { } wrongValue)
                {
                    return new DerFault(start, wrongValue);
                }

                position += length;
            }

            while (position == end && depth > 0)
            {
                end = ends[--depth];
            }

            if (depth == 0)
            {
                return position == der.Length ? null : new DerFault(position, "bytes follow the end of the structure");
            }
        }
    }

    private static bool TryReadHeader(ReadOnlySpan<byte> der, ref int position, int end, out byte tag, out int length, out string reason)
    {
        tag = 0;
        length = 0;
        reason = "it is cut";
        if (position >= end)
        {
            return false;
        }

        tag = der[position++];
        if ((tag & 0x1F) == 0x1F && !TrySkipHighTag(der, ref position, end))
        {
            reason = "a tag is not valid";
            return false;
        }

        if (position >= end)
        {
            return false;
        }

        int first = der[position++];
        if (first < 0x80)
        {
            length = first;
        }
        else
        {
            var width = first & 0x7F;
            if (width == 0)
            {
                reason = "a length is indefinite (BER), which DER does not allow";
                return false;
            }

            // Four bytes hold every length that the size limits of uploads allow.
            if (width > 4 || end - position < width)
            {
                reason = "a length reaches beyond the end";
                return false;
            }

            long value = 0;
            for (var i = 0; i < width; i++)
            {
                value = (value << 8) | der[position++];
            }

            if (value < 0x80 || value < 1L << (8 * (width - 1)))
            {
                reason = "a length is not in its shortest form";
                return false;
            }

            if (value > int.MaxValue)
            {
                reason = "a length reaches beyond the end";
                return false;
            }

            length = (int)value;
        }

        reason = "a length reaches beyond the end";
        return length <= end - position;
    }

    private static bool TrySkipHighTag(ReadOnlySpan<byte> der, ref int position, int end)
    {
        var first = position;
        while (position < end && position - first < 4)
        {
            var part = der[position++];
            if (part == 0x80 && position - 1 == first)
            {
                return false;
            }

            if (part < 0x80)
            {
                return position - first > 1 || part >= 0x1F;
            }
        }

        return false;
    }

    private static string? CheckForm(byte tag)
    {
        if ((tag & 0xC0) != 0)
        {
            return null;
        }

        var constructed = (tag & 0x20) != 0;
        return (tag & 0x1F) switch
        {
            0 => "a tag is not valid",
            // EXTERNAL, EMBEDDED PDV, SEQUENCE, SET and CHARACTER STRING are constructed, everything else is not (X.690 10.2).
            8 or 11 or 16 or 17 or 29 => constructed ? null : "a sequence is encoded as a simple value",
            _ => constructed ? "a simple value is encoded in parts (BER), which DER does not allow" : null,
        };
    }

    private static string? CheckPrimitive(byte tag, ReadOnlySpan<byte> value) => tag switch
    {
        1 when value.Length != 1 || value[0] is not (0 or 0xFF) => "a boolean is not valid",
        2 or 10 when value.IsEmpty => "a number is empty",
        2 or 10 when value.Length > 1 && (value[0] == 0 ? value[1] < 0x80 : value[0] == 0xFF && value[1] >= 0x80) => "a number is not in its shortest form",
        3 when value.IsEmpty || value[0] > 7 || (value.Length == 1 && value[0] != 0) => "a bit string is not valid",
        5 when !value.IsEmpty => "a null has content",
        6 when value.IsEmpty || (value[^1] & 0x80) != 0 => "an object identifier is not valid",
        _ => null,
    };
}
