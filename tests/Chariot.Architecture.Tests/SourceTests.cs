using System.Text.RegularExpressions;

namespace Chariot.Architecture.Tests;

/// <summary>Rules about the text of the sources.</summary>
public partial class SourceTests
{
    private const int MostLines = 400;

    [Fact]
    public void SourceFiles_StayUnder400Lines()
    {
        var long_ = Sources.Files(".cs", "src").Concat(Sources.Files(".razor", "src"))
            .Select(file => (File: file, Lines: Sources.Read(file).Count(character => character == '\n')))
            .Where(entry => entry.Lines > MostLines)
            .Select(entry => $"{entry.File}: {entry.Lines}");

        Rule.HasNoOffenders(long_);
    }

    [Fact]
    public void Projects_SilenceNoWarning()
    {
        var files = Sources.Files(".csproj", "src", "tests", "bench").Concat(Sources.Files(".props", "src", "tests", "bench")).Append("Directory.Build.props");

        Assert.DoesNotContain(files, file => Sources.Read(file).Contains("<NoWarn", StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public void Pragmas_SayWhy()
    {
        var bare = from file in Sources.Files(".cs", "src", "tests", "bench")
                   let lines = Sources.Read(file).Split('\n')
                   from index in Enumerable.Range(0, lines.Length)
                   where Pragma().IsMatch(lines[index]) && !lines[index].Contains("//", StringComparison.Ordinal)
                       && !(index > 0 && lines[index - 1].TrimStart().StartsWith("//", StringComparison.Ordinal))
                   select $"{file}:{index + 1}";

        Rule.HasNoOffenders(bare);
    }

    [Fact]
    public void Catches_AreNeverEmpty()
    {
        Assert.DoesNotContain(Sources.Files(".cs", "src", "tests", "bench"), file => EmptyCatch().IsMatch(Sources.Read(file)));
    }

    [Fact]
    public void Files_HaveTheNamespaceOfTheirFolder()
    {
        var strays = from file in Sources.Files(".cs", "src")
                     let declared = Namespace().Match(Sources.Read(file))
                     where declared.Success
                     let expected = Path.GetDirectoryName(file)!["src/".Length..].Replace('/', '.')
                     where declared.Groups[1].Value != expected
                     select $"{file}: {declared.Groups[1].Value}";

        Rule.HasNoOffenders(strays);
    }

    [Fact]
    public void Tests_DoNotSleep()
    {
        Assert.DoesNotContain(Sources.Files(".cs", "src", "tests"), file => Sleep().IsMatch(Sources.Read(file)));
    }

    [GeneratedRegex(@"^\s*#pragma warning disable")]
    private static partial Regex Pragma();

    [GeneratedRegex(@"catch\s*(\([^)]*\))?\s*(when\s*\([^{]*\))?\s*\{\s*\}")]
    private static partial Regex EmptyCatch();

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    // In two pieces, so that this line is not a find.
    [GeneratedRegex("Thread" + @"\.Sleep\(")]
    private static partial Regex Sleep();
}
