using System.Text;
using System.Text.Unicode;

namespace Chariot.Edge.Codec;

/// <summary>UTF-8 encoded strings of MQTT (section 1.5.4; 3.1.1: 1.5.3).</summary>
internal static class Utf8Text
{
    /// <summary>Well formed (nothing overlong, no surrogates) and without U+0000 [MQTT-1.5.4-1], [MQTT-1.5.4-2].</summary>
    public static bool IsValid(ReadOnlySpan<byte> text) =>
        !text.Contains((byte)0) && (Ascii.IsValid(text) || Utf8.IsValid(text));

    /// <summary>
    /// Whether valid text is fit to name a client or a user: no control character, no byte order mark, no non-character. MQTT lets a
    /// server refuse them (section 1.5.4); in names they only serve to deceive readers of logs and lists.
    /// </summary>
    public static bool IsFitForNames(ReadOnlySpan<byte> text)
    {
        if (Ascii.IsValid(text))
        {
            return !text.ContainsAnyInRange((byte)0, (byte)0x1F) && !text.Contains((byte)0x7F);
        }

        foreach (var rune in Encoding.UTF8.GetString(text).EnumerateRunes())
        {
            var value = rune.Value;
            if (value is < 0x20 or (>= 0x7F and < 0xA0) or 0xFEFF or (>= 0xFDD0 and <= 0xFDEF) || (value & 0xFFFE) == 0xFFFE)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether a topic name holds a wildcard character, which only filters may [MQTT-4.7.1-1].</summary>
    public static bool HasWildcard(ReadOnlySpan<byte> topic) => topic.ContainsAny((byte)'+', (byte)'#');
}
