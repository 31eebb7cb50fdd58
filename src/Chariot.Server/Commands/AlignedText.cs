namespace Chariot.Server.Commands;

/// <summary>Columns for a person's eyes.</summary>
internal static class AlignedText
{
    private const string Gap = "  ";

    /// <summary>Rows of equal length; every column but the last is as wide as its widest cell.</summary>
    public static void Write(TextWriter output, IEnumerable<IReadOnlyList<string?>> rows)
    {
        var cells = rows.Select(row => row.Select(cell => Clean(cell ?? "")).ToArray()).ToArray();
        if (cells.Length == 0)
        {
            return;
        }

        var widths = Enumerable.Range(0, cells[0].Length).Select(column => cells.Max(row => row[column].Length)).ToArray();
        foreach (var row in cells)
        {
            output.WriteLine(string.Join(Gap, row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        }
    }

    /// <summary>
    /// Names come from strangers, a client id for one: what a terminal would obey is shown as a question mark.
    /// </summary>
    public static string Clean(string text) => string.Concat(text.Select(character => char.IsControl(character) ? '?' : character));
}
