using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Chariot.Abstractions.Configuration;

namespace Chariot.Admin.Ssl.Validation;

/// <summary>Where something was found: the file, the PEM block in it and the line, both from 1.</summary>
internal readonly record struct Place(string File, int? Block = null, int? Line = null);

/// <summary>Collects findings of one inspection, in the order found.</summary>
internal sealed class FindingList
{
    private const int LongestQuote = 200;

    private readonly List<Finding> _findings = [];

    public bool HasErrors => _findings.Exists(finding => finding.Severity == FindingSeverity.Error);

    public int Errors => _findings.Count(finding => finding.Severity == FindingSeverity.Error);

    public void Error(string code, Place at, string message, string remedy) => Add(code, FindingSeverity.Error, at, message, remedy);

    public void Warning(string code, Place at, string message, string remedy) => Add(code, FindingSeverity.Warning, at, message, remedy);

    public void Info(string code, Place at, string message, string remedy) => Add(code, FindingSeverity.Info, at, message, remedy);

    public void Add(string code, FindingSeverity severity, Place at, string message, string remedy) =>
        _findings.Add(new Finding(code, severity, message) { File = at.File, Block = at.Block, Line = at.Line, Remedy = remedy });

    public void AddRange(FindingList other) => _findings.AddRange(other._findings);

    /// <summary>Whether an error was found in <paramref name="file"/>.</summary>
    public bool HasErrorsIn(string file) =>
        _findings.Exists(finding => finding.Severity == FindingSeverity.Error && finding.File == file);

    /// <summary>Gives the findings with <paramref name="code"/> a better remedy, known only after all files were read.</summary>
    public void Advise(string code, string remedy)
    {
        for (var i = 0; i < _findings.Count; i++)
        {
            if (_findings[i].Code == code)
            {
                _findings[i] = _findings[i] with { Remedy = remedy };
            }
        }
    }

    /// <summary>Errors first, then warnings, then remarks; otherwise as found.</summary>
    public ImmutableArray<Finding> ToSorted() => [.. _findings.OrderBy(finding => finding.Severity)];

    /// <summary>
    /// Text from a file made fit for a sentence: at most 200 characters, without control characters and without the marks
    /// that change the direction of text.
    /// </summary>
    public static string Quote(string text)
    {
        var quoted = new StringBuilder(Math.Min(text.Length, LongestQuote));
        foreach (var character in text)
        {
            if (quoted.Length >= LongestQuote)
            {
                return quoted.Append("...").ToString();
            }

            if (CharUnicodeInfo.GetUnicodeCategory(character) is UnicodeCategory.Control or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate)
            {
                quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}");
            }
            else
            {
                quoted.Append(character);
            }
        }

        return quoted.ToString();
    }

    /// <summary>A moment as findings show it.</summary>
    public static string Date(DateTimeOffset moment) => moment.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
