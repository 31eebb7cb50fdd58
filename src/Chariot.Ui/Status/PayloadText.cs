using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Chariot.Ui.Components;

namespace Chariot.Ui.Status;

/// <summary>How a payload is read.</summary>
internal enum PayloadForm
{
    Text,
    Json,
    Hex,
}

/// <summary>A payload in one form, or why it has none.</summary>
/// <param name="Cut">What is missing; null when all of it is there.</param>
internal sealed record PayloadText(string Text, string? Problem, string? Cut)
{
    private const int MostText = 64 * 1024;
    private const int MostHex = 4 * 1024;
    private const int MostJson = 256 * 1024;
    private const int HexWidth = 16;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    // Relaxed: it becomes text of a page, never markup.
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Name(PayloadForm form) => form switch { PayloadForm.Text => "text", PayloadForm.Json => "JSON", _ => "hex" };

    /// <summary>The form that says most of <paramref name="payload"/>.</summary>
    public static PayloadForm Best(byte[] payload)
    {
        if (payload.AsSpan().TrimStart(" \t\r\n"u8) is [(byte)'{' or (byte)'[', ..] && Json(payload).Problem is null)
        {
            return PayloadForm.Json;
        }

        return Plain(payload).Problem is null ? PayloadForm.Text : PayloadForm.Hex;
    }

    public static PayloadText Of(byte[] payload, PayloadForm form) => payload.Length == 0 ? new("", "The payload is empty.", null) : form switch
    {
        PayloadForm.Text => Plain(payload),
        PayloadForm.Json => Json(payload),
        _ => Hex(payload),
    };

    private static PayloadText Plain(byte[] payload)
    {
        var shown = payload.AsSpan(0, Math.Min(payload.Length, MostText));
        if (shown.Length < payload.Length)
        {
            // Not in the middle of a character.
            while (shown.Length > 0 && (payload[shown.Length] & 0xC0) == 0x80)
            {
                shown = shown[..^1];
            }
        }

        try
        {
            var text = string.Join('\n', Strict.GetString(shown).Replace("\r\n", "\n", StringComparison.Ordinal).Split('\n').Select(line => string.Join('\t', line.Split('\t').Select(part => PlainText.Visible(part)))));
            return new(text, null, Rest(shown.Length, payload.Length));
        }
        catch (DecoderFallbackException)
        {
            return new("", "This is no UTF-8 text. Look at it as hex.", null);
        }
    }

    private static PayloadText Json(byte[] payload)
    {
        if (payload.Length > MostJson)
        {
            return new("", $"It is too large to be shown as JSON ({Quantity.Bytes(MostJson)} at most). Look at it as text.", null);
        }

        try
        {
            using var document = JsonDocument.Parse(Strict.GetString(payload));
            return new(PlainLines(JsonSerializer.Serialize(document.RootElement, Indented)), null, null);
        }
        catch (JsonException error)
        {
            return new("", $"This is no JSON: line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1} of it cannot be read.", null);
        }
        catch (Exception error) when (error is DecoderFallbackException or InvalidOperationException)
        {
            // Bytes that are no UTF-8, or an escaped half of a surrogate pair: the grammar of JSON allows it, no text can hold it.
            return new("", "This is no JSON: a character of it cannot be read. Look at it as text or hex.", null);
        }
    }

    private static string PlainLines(string text) => string.Join('\n', text.Split('\n').Select(line => PlainText.Visible(line.TrimEnd('\r'))));

    private static PayloadText Hex(byte[] payload)
    {
        var text = new StringBuilder();
        var shown = Math.Min(payload.Length, MostHex);
        for (var at = 0; at < shown; at += HexWidth)
        {
            var row = payload.AsSpan(at, Math.Min(HexWidth, shown - at));
            text.Append(at.ToString("x6", CultureInfo.InvariantCulture)).Append("  ");
            for (var i = 0; i < HexWidth; i++)
            {
                text.Append(i < row.Length ? row[i].ToString("x2", CultureInfo.InvariantCulture) : "  ").Append(i == (HexWidth / 2) - 1 ? "  " : " ");
            }

            text.Append(' ');
            foreach (var octet in row)
            {
                text.Append(octet is >= 0x20 and < 0x7F ? (char)octet : '.');
            }

            text.Append('\n');
        }

        return new(text.ToString(), null, Rest(shown, payload.Length));
    }

    private static string? Rest(int shown, int all) => shown < all ? $"The first {Quantity.Bytes(shown)} of {Quantity.Bytes(all)}. The API has all of it: GET /api/v1/topics/retained/{{topic}}." : null;
}
