using System.Text;

namespace Chariot.Abstractions.Access;

/// <summary>
/// SASLprep (RFC 4013): user names and passwords that look alike are alike, whichever keyboard typed them. The runtime does not normalize
/// without ICU, so the tables of Unicode 3.2, which stringprep (RFC 3454) is made of, come along.
/// </summary>
public static class SaslPrep
{
    private static readonly Lazy<StringPrepTables> Tables = new(StringPrepTables.Load);

    /// <summary>The prepared text; null when it has a character that is prohibited, mixes directions, or nothing is left of it.</summary>
    /// <remarks>Code points that Unicode 3.2 does not know pass: a client that prepares a query lets them pass, too.</remarks>
    public static string? TryPrepare(string text)
    {
        if (text.Length > 0 && !text.AsSpan().ContainsAnyExceptInRange(' ', '~'))
        {
            return text;
        }

        var tables = Tables.Value;
        List<int> mapped = [];
        foreach (var rune in text.EnumerateRunes())
        {
            if (!tables.Nothing.Contains(rune.Value))
            {
                mapped.Add(tables.Space.Contains(rune.Value) ? ' ' : rune.Value);
            }
        }

        var normal = Normalization.Nfkc(mapped, tables);
        return normal.Count == 0 || normal.Exists(tables.Prohibited.Contains) || !HasOneDirection(normal, tables)
            ? null
            : string.Concat(normal.Select(char.ConvertFromUtf32));
    }

    /// <summary>The prepared form of UTF-8 <paramref name="bytes"/>, or the bytes themselves where they have none.</summary>
    public static byte[] Prepare(ReadOnlySpan<byte> bytes) =>
        System.Text.Unicode.Utf8.IsValid(bytes) && TryPrepare(Encoding.UTF8.GetString(bytes)) is { } prepared ? Encoding.UTF8.GetBytes(prepared) : bytes.ToArray();

    /// <summary>RFC 3454 section 6: right-to-left text has no left-to-right character, and begins and ends with one of its own.</summary>
    private static bool HasOneDirection(List<int> text, StringPrepTables tables) =>
        !text.Exists(tables.RightToLeft.Contains)
        || (!text.Exists(tables.LeftToRight.Contains) && tables.RightToLeft.Contains(text[0]) && tables.RightToLeft.Contains(text[^1]));
}
