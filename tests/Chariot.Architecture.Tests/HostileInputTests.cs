using System.Text.RegularExpressions;

namespace Chariot.Architecture.Tests;

/// <summary>docs/hostile-input.md names the test that proves each of its rows.</summary>
public partial class HostileInputTests
{
    private const int Cases = 62;

    [Fact]
    public void EveryTestThatThePageNames_Exists()
    {
        // A class may have several files: Class.cs, Class.Part.cs.
        var files = Sources.Files(".cs", "tests").ToLookup(file => Path.GetFileName(file).Split('.')[0], StringComparer.Ordinal);

        Rule.HasNoOffenders(
            from Match name in Named().Matches(Sources.Read("docs/hostile-input.md"))
            let folder = $"tests/Chariot.{name.Groups["project"].Value}.Tests/"
            let method = $" {name.Groups["method"].Value}("
            where !files[name.Groups["class"].Value].Any(file => file.StartsWith(folder, StringComparison.Ordinal) && Sources.Read(file).Contains(method, StringComparison.Ordinal))
            select $"docs/hostile-input.md names {name.Value}, which is no test");
    }

    [Fact]
    public void EveryCase_IsThere_AndHasATest()
    {
        var rows = Sources.Read("docs/hostile-input.md").Split('\n').Where(line => line.StartsWith("| ", StringComparison.Ordinal) && char.IsAsciiDigit(line[2])).ToArray();

        Assert.Equal(Enumerable.Range(1, Cases), rows.Select(row => int.Parse(row.Split('|')[1], null)));
        Rule.HasNoOffenders(rows.Where(row => !Named().IsMatch(row)));
    }

    [GeneratedRegex(@"`(?<project>[A-Z]\w+)/(?<class>\w+)\.(?<method>\w+)`")]
    private static partial Regex Named();
}
