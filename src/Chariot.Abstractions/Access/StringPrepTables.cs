using System.Collections.Frozen;
using System.Globalization;

namespace Chariot.Abstractions.Access;

/// <summary>SaslPrep.txt, read once.</summary>
internal sealed class StringPrepTables
{
    /// <summary>Whole compatibility decompositions; Hangul syllables aside, which follow a rule.</summary>
    public required FrozenDictionary<int, int[]> Decompositions { get; init; }

    /// <summary>Pairs that compose.</summary>
    public required FrozenDictionary<(int First, int Second), int> Compositions { get; init; }

    /// <summary>Canonical combining classes other than 0.</summary>
    public required FrozenDictionary<int, int> Classes { get; init; }

    /// <summary>Table B.1.</summary>
    public required FrozenSet<int> Nothing { get; init; }

    /// <summary>Table C.1.2.</summary>
    public required FrozenSet<int> Space { get; init; }

    /// <summary>Tables C.1.2, C.2.1, C.2.2, C.3 to C.9.</summary>
    public required CodePointRanges Prohibited { get; init; }

    /// <summary>Table D.1.</summary>
    public required CodePointRanges RightToLeft { get; init; }

    /// <summary>Table D.2.</summary>
    public required CodePointRanges LeftToRight { get; init; }

    public static StringPrepTables Load()
    {
        using var stream = typeof(StringPrepTables).Assembly.GetManifestResourceStream("SaslPrep.txt")
            ?? throw new InvalidOperationException("SaslPrep.txt is not in the assembly.");
        using var reader = new StreamReader(stream);
        Dictionary<string, List<string>> sections = [];
        List<string> section = [];
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('['))
            {
                sections[line.Trim('[', ']')] = section = [];
            }
            else if (!line.StartsWith('#'))
            {
                section.AddRange(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
            }
        }

        return new StringPrepTables
        {
            Decompositions = Pairs("decompose").ToFrozenDictionary(pair => Hex(pair[0]), pair => pair[1].Split('.').Select(Hex).ToArray()),
            Compositions = Pairs("compose").ToFrozenDictionary(pair => (Hex(pair[0].Split('.')[0]), Hex(pair[0].Split('.')[1])), pair => Hex(pair[1])),
            Classes = Pairs("class").ToFrozenDictionary(pair => Hex(pair[0]), pair => int.Parse(pair[1], CultureInfo.InvariantCulture)),
            Nothing = Ranges("nothing").All().ToFrozenSet(),
            Space = Ranges("space").All().ToFrozenSet(),
            Prohibited = Ranges("prohibited"),
            RightToLeft = Ranges("right-to-left"),
            LeftToRight = Ranges("left-to-right"),
        };

        IEnumerable<string[]> Pairs(string name) => sections[name].Select(item => item.Split('='));

        CodePointRanges Ranges(string name) => new([.. sections[name].Select(item => item.Split('-')).Select(ends => (Hex(ends[0]), Hex(ends[^1])))]);
    }

    private static int Hex(string digits) => int.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}

/// <param name="ranges">In order, without overlaps; both ends belong to them.</param>
internal sealed class CodePointRanges((int First, int Last)[] ranges)
{
    public bool Contains(int codePoint)
    {
        var (low, high) = (0, ranges.Length - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (codePoint < ranges[middle].First)
            {
                high = middle - 1;
            }
            else if (codePoint > ranges[middle].Last)
            {
                low = middle + 1;
            }
            else
            {
                return true;
            }
        }

        return false;
    }

    public IEnumerable<int> All() => ranges.SelectMany(range => Enumerable.Range(range.First, range.Last - range.First + 1));
}
