using System.Globalization;
using System.Text;

namespace Chariot.Ui.Components;

/// <summary>Names that strangers chose, so that they show as what they are.</summary>
internal static class PlainText
{
    /// <summary>
    /// Control characters, and characters that turn or hide others (CVE-2021-42574), as <c>\u{202E}</c>; the rest as it is.
    /// Cut after <paramref name="most"/> characters, with an ellipsis.
    /// </summary>
    public static string Visible(string text, int most = int.MaxValue)
    {
        if (text.Length <= most && !text.EnumerateRunes().Any(IsInvisible))
        {
            return text;
        }

        var shown = new StringBuilder();
        var count = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (count++ == most)
            {
                return shown.Append('…').ToString();
            }

            if (IsInvisible(rune))
            {
                shown.Append("\\u{").Append(rune.Value.ToString("X4", CultureInfo.InvariantCulture)).Append('}');
            }
            else
            {
                shown.Append(rune.ToString());
            }
        }

        return shown.ToString();
    }

    private static bool IsInvisible(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned;
}
