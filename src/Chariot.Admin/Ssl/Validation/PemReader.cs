using System.Security.Cryptography;
using System.Text;

namespace Chariot.Admin.Ssl.Validation;

/// <summary>
/// Reads PEM (RFC 7468, the lax form) from bytes, never through a string, because the text may be a private key. Accepted: any
/// line ending, a byte order mark, blanks, blank lines, text outside blocks, RFC 1421 headers, an END and the next BEGIN on one
/// line (files joined without a newline between them). Everything else is reported with its line; reading goes on behind it.
/// </summary>
internal static class PemReader
{
    private const int LongestLabel = 64;
    private const int LongestHeader = 128;

    private static ReadOnlySpan<byte> Begin => "-----BEGIN "u8;

    private static ReadOnlySpan<byte> End => "-----END "u8;

    /// <summary>How many blocks begin in <paramref name="text"/>, without reading them.</summary>
    public static int CountBlocks(ReadOnlySpan<byte> text) => text.Count(Begin);

    /// <summary>All blocks of <paramref name="text"/>, broken ones included. The caller disposes them.</summary>
    public static List<PemBlock> Read(ReadOnlySpan<byte> text, string file, FindingList findings)
    {
        var scratch = GC.AllocateUninitializedArray<byte>((text.Length / 4 * 3) + 3, pinned: true);
        try
        {
            return Read(text, file, findings, scratch);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(scratch);
        }
    }

    private static List<PemBlock> Read(ReadOnlySpan<byte> text, string file, FindingList findings, byte[] scratch)
    {
        var blocks = new List<PemBlock>();
        var lines = new LineCursor(text.StartsWith(Encoding.UTF8.Preamble) ? text[Encoding.UTF8.Preamble.Length..] : text);
        PemBlock? open = null;
        var body = default(Base64Decoder);
        var lastTextLine = 0;
        while (lines.TryNext(out var line))
        {
            var trimmed = Trim(line, out var indent);
            while (!trimmed.IsEmpty)
            {
                var here = new Place(file, open?.At.Block, lines.Number);
                if (trimmed.StartsWith(Begin))
                {
                    Truncated(open, lastTextLine, findings);
                    open = Open(trimmed, blocks, here with { Block = blocks.Count + 1 }, findings);
                    body = new Base64Decoder(scratch);
                    trimmed = default;
                }
                else if (trimmed.StartsWith(End))
                {
                    Close(open, trimmed, here, body, findings, out trimmed);
                    open = null;
                    indent = 0;
                }
                else
                {
                    if (open is { IsBroken: false })
                    {
                        ReadBody(open, trimmed, indent, here, ref body, findings);
                    }

                    trimmed = default;
                }

                lastTextLine = lines.Number;
            }
        }

        Truncated(open, lastTextLine, findings);
        return blocks;
    }

    private static PemBlock? Open(ReadOnlySpan<byte> line, List<PemBlock> blocks, Place here, FindingList findings)
    {
        if (!TrySplitLabel(line[Begin.Length..], out var label, out var rest))
        {
            findings.Error("file.pem-label", here, $"Line {here.Line} begins a PEM block but is not a complete \"-----BEGIN ...-----\" line.",
                "Copy the file again, or restore the line with its five dashes on both sides.");
            return null;
        }

        var block = new PemBlock(label, here);
        blocks.Add(block);
        if (!rest.IsEmpty)
        {
            block.IsBroken = true;
            findings.Error("file.pem-label", here, $"Line {here.Line} goes on behind its \"-----BEGIN {label}-----\".",
                "Put the base64 text on lines of its own, between the BEGIN line and the END line.");
        }

        return block;
    }

    private static void Close(PemBlock? open, ReadOnlySpan<byte> line, Place here, Base64Decoder body, FindingList findings, out ReadOnlySpan<byte> rest)
    {
        if (!TrySplitLabel(line[End.Length..], out var label, out rest))
        {
            rest = default;
            Break(open, "file.pem-label", here, $"Line {here.Line} ends a PEM block but is not a complete \"-----END ...-----\" line.",
                "Copy the file again, or restore the line with its five dashes on both sides.", findings);
            return;
        }

        if (!rest.StartsWith(Begin))
        {
            rest = default;
        }

        if (open is null)
        {
            findings.Error("file.pem-label", here, $"Line {here.Line} says END {label}, but no block was begun before it.",
                "The beginning of the file looks lost; copy the whole file again.");
            return;
        }

        if (label != open.Label)
        {
            Break(open, "file.pem-label", here, $"Line {here.Line} says END {label}, but the block begun at line {open.At.Line} is a {open.Label}.",
                "Two files look mixed; copy each of them again.", findings);
            return;
        }

        if (open.IsBroken)
        {
            return;
        }

        if (!body.IsComplete)
        {
            Break(open, "file.pem-base64", here, $"The base64 text of block {open.At.Block} stops in the middle of a group before line {here.Line}.",
                "Characters are missing; copy the file again.", findings);
            return;
        }

        open.SetContent(body.Decoded);
    }

    private static void ReadBody(PemBlock open, ReadOnlySpan<byte> line, int indent, Place here, ref Base64Decoder body, FindingList findings)
    {
        // RFC 1421 headers stand before the data; a colon is no base64 character, so nothing is lost by looking for one.
        if (body.IsEmpty && line.Contains((byte)':'))
        {
            open.IsEncrypted |= line.StartsWith("Proc-Type:"u8) && line.IndexOf("ENCRYPTED"u8) > 0;
            if (line.StartsWith("DEK-Info:"u8) && line.Length <= LongestHeader)
            {
                open.EncryptionHeader = Encoding.ASCII.GetString(line["DEK-Info:".Length..]).Trim();
            }

            return;
        }

        var bad = body.Append(line);
        if (bad >= 0)
        {
            Break(open, "file.pem-base64", here, $"Line {here.Line}, column {indent + bad + 1} has a character that does not belong in base64 text.",
                "The file was changed on its way (word processor, e-mail, chat); copy it again as plain text.", findings);
        }
    }

    private static void Truncated(PemBlock? open, int lastLine, FindingList findings)
    {
        if (open is null)
        {
            return;
        }

        Break(open, "file.pem-truncated", open.At with { Line = lastLine },
            $"The {open.Label} begun at line {open.At.Line} has no END line; the file looks cut at line {lastLine}.",
            "Copy or download the whole file again, its last line included.", findings);
    }

    private static void Break(PemBlock? open, string code, Place here, string message, string remedy, FindingList findings)
    {
        if (open is not { IsBroken: true })
        {
            findings.Error(code, here, message, remedy);
        }

        if (open is not null)
        {
            open.IsBroken = true;
        }
    }

    private static bool TrySplitLabel(ReadOnlySpan<byte> line, out string label, out ReadOnlySpan<byte> rest)
    {
        label = "";
        rest = default;
        var end = line.IndexOf("-----"u8);
        if (end is <= 0 or > LongestLabel || line[..end].ContainsAnyExceptInRange((byte)' ', (byte)'~'))
        {
            return false;
        }

        label = Encoding.ASCII.GetString(line[..end]);
        rest = Trim(line[(end + 5)..], out _);
        return true;
    }

    private static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> line, out int indent)
    {
        indent = line.IndexOfAnyExcept(" \t\v\f"u8);
        if (indent < 0)
        {
            indent = 0;
            return default;
        }

        return line[indent..].TrimEnd(" \t\v\f"u8);
    }

    /// <summary>Lines that end with LF, CR LF or CR.</summary>
    private ref struct LineCursor(ReadOnlySpan<byte> text)
    {
        private ReadOnlySpan<byte> _rest = text;

        public int Number { get; private set; }

        public bool TryNext(out ReadOnlySpan<byte> line)
        {
            line = default;
            if (_rest.IsEmpty)
            {
                return false;
            }

            Number++;
            var end = _rest.IndexOfAny((byte)'\r', (byte)'\n');
            if (end < 0)
            {
                line = _rest;
                _rest = default;
                return true;
            }

            line = _rest[..end];
            var width = _rest[end] == '\r' && end + 1 < _rest.Length && _rest[end + 1] == '\n' ? 2 : 1;
            _rest = _rest[(end + width)..];
            return true;
        }
    }

    /// <summary>Strict base64 (RFC 4648 section 4) fed line by line.</summary>
    private struct Base64Decoder(byte[] output)
    {
        private int _bits;
        private int _group;
        private int _padding;
        private int _written;

        public readonly bool IsEmpty => _written == 0 && _group == 0;

        public readonly bool IsComplete => _group == 0 && _written > 0;

        public readonly ReadOnlySpan<byte> Decoded => output.AsSpan(0, _written);

        /// <summary>Decodes a line; answers the index of the first byte that is wrong, or -1.</summary>
        public int Append(ReadOnlySpan<byte> line)
        {
            for (var i = 0; i < line.Length; i++)
            {
                if (line[i] is (byte)' ' or (byte)'\t' or (byte)'\v' or (byte)'\f')
                {
                    continue;
                }

                if (!Take(line[i]))
                {
                    return i;
                }
            }

            return -1;
        }

        private bool Take(byte character)
        {
            int value;
            if (character == '=')
            {
                if (_group < 2)
                {
                    return false;
                }

                _padding++;
                value = 0;
            }
            else
            {
                value = ValueOf(character);
                if (value < 0 || _padding > 0)
                {
                    return false;
                }
            }

            _bits = (_bits << 6) | value;
            if (++_group < 4)
            {
                return true;
            }

            // Bits that the padding leaves over must be zero: one content has one text.
            var leftOver = _padding switch { 0 => 0, 1 => _bits & 0xFF, _ => _bits & 0xFFFF };
            if (leftOver != 0)
            {
                return false;
            }

            for (var i = 0; i < 3 - _padding; i++)
            {
                output[_written++] = (byte)(_bits >> (16 - (8 * i)));
            }

            _bits = _group = 0;
            return true;
        }

        private static int ValueOf(byte character) => character switch
        {
            >= (byte)'A' and <= (byte)'Z' => character - 'A',
            >= (byte)'a' and <= (byte)'z' => character - 'a' + 26,
            >= (byte)'0' and <= (byte)'9' => character - '0' + 52,
            (byte)'+' => 62,
            (byte)'/' => 63,
            _ => -1,
        };
    }
}
