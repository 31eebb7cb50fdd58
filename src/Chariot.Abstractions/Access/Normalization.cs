namespace Chariot.Abstractions.Access;

/// <summary>Normalization form KC (Unicode Standard Annex 15) by the tables of Unicode 3.2.</summary>
internal static class Normalization
{
    // Hangul syllables (The Unicode Standard, section 3.12).
    private const int SyllableBase = 0xAC00;
    private const int LeadBase = 0x1100;
    private const int VowelBase = 0x1161;
    private const int TailBase = 0x11A7;
    private const int Leads = 19;
    private const int Vowels = 21;
    private const int Tails = 28;
    private const int Syllables = Leads * Vowels * Tails;

    public static List<int> Nfkc(List<int> text, StringPrepTables tables)
    {
        List<int> decomposed = [];
        foreach (var codePoint in text)
        {
            Decompose(codePoint, decomposed, tables);
        }

        Order(decomposed, tables);
        return Compose(decomposed, tables);
    }

    private static void Decompose(int codePoint, List<int> into, StringPrepTables tables)
    {
        var syllable = codePoint - SyllableBase;
        if (syllable is >= 0 and < Syllables)
        {
            into.Add(LeadBase + (syllable / (Vowels * Tails)));
            into.Add(VowelBase + (syllable % (Vowels * Tails) / Tails));
            if (syllable % Tails != 0)
            {
                into.Add(TailBase + (syllable % Tails));
            }
        }
        else if (tables.Decompositions.TryGetValue(codePoint, out var parts))
        {
            into.AddRange(parts);
        }
        else
        {
            into.Add(codePoint);
        }
    }

    /// <summary>Marks between two starters in the order of their classes; equal ones keep theirs.</summary>
    private static void Order(List<int> text, StringPrepTables tables)
    {
        for (var start = 0; start < text.Count; start++)
        {
            var end = start;
            while (end < text.Count && ClassOf(text[end], tables) != 0)
            {
                end++;
            }

            if (end - start > 1)
            {
                int[] ordered = [.. text.GetRange(start, end - start).OrderBy(mark => ClassOf(mark, tables))];
                for (var i = 0; i < ordered.Length; i++)
                {
                    text[start + i] = ordered[i];
                }
            }

            start = Math.Max(start, end - 1);
        }
    }

    private static List<int> Compose(List<int> text, StringPrepTables tables)
    {
        List<int> composed = [];
        var starter = -1;
        var lastClass = 0;
        foreach (var codePoint in text)
        {
            var ownClass = ClassOf(codePoint, tables);
            // Blocked when something between it and the starter has its class, or a higher one, or is a starter itself.
            var adjacent = starter == composed.Count - 1;
            if (starter >= 0 && (adjacent || (lastClass < ownClass && lastClass != 0)) && Pair(composed[starter], codePoint, tables) is { } pair)
            {
                composed[starter] = pair;
                continue;
            }

            if (ownClass == 0)
            {
                starter = composed.Count;
            }

            lastClass = ownClass;
            composed.Add(codePoint);
        }

        return composed;
    }

    private static int? Pair(int first, int second, StringPrepTables tables)
    {
        var (lead, vowel) = (first - LeadBase, second - VowelBase);
        if (lead is >= 0 and < Leads && vowel is >= 0 and < Vowels)
        {
            return SyllableBase + (((lead * Vowels) + vowel) * Tails);
        }

        var (syllable, tail) = (first - SyllableBase, second - TailBase);
        if (syllable is >= 0 and < Syllables && syllable % Tails == 0 && tail is > 0 and < Tails)
        {
            return first + tail;
        }

        return tables.Compositions.TryGetValue((first, second), out var pair) ? pair : null;
    }

    private static int ClassOf(int codePoint, StringPrepTables tables) => tables.Classes.GetValueOrDefault(codePoint);
}
