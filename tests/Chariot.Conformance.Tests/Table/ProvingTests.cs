using System.Text.RegularExpressions;
using Chariot.TestKit.Broker;

namespace Chariot.Conformance.Tests.Table;

/// <summary>
/// Which tests carry which statement, read from the sources: the tests of other projects count without a reference to them.
/// </summary>
internal static partial class ProvingTests
{
    public static ILookup<string, string> Find()
    {
        var tests = Path.Combine(Repository.Root, "tests");
        var found =
            from file in Directory.EnumerateFiles(tests, "*.cs", SearchOption.AllDirectories)
            where !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal)
            let project = Path.GetRelativePath(tests, file).Split(Path.DirectorySeparatorChar)[0]
            from Match match in Marked().Matches(File.ReadAllText(file))
            let name = $"{Prefix(project)}{Path.GetFileNameWithoutExtension(file)}.{match.Groups["test"].Value}"
            from Match statement in Quoted().Matches(match.Groups["attributes"].Value)
            select (statement.Groups[1].Value, name);
        return found.ToLookup(pair => pair.Item1, pair => pair.name);
    }

    /// <summary>The project, where it is not this one: <c>System/</c>.</summary>
    private static string Prefix(string project) =>
        project == "Chariot.Conformance.Tests" ? "" : project["Chariot.".Length..].Replace(".Tests", "/", StringComparison.Ordinal);

    // From the first [Normative(...)] over further attributes to the method's name.
    [GeneratedRegex(@"(?<attributes>\[Normative\((?:[^\]]|\](?!\s*\n\s*public))*?\])\s*\n\s*public (?:static )?(?:async )?(?:Task|void) (?<test>\w+)\(")]
    private static partial Regex Marked();

    [GeneratedRegex("\"([35]:[0-9.-]+)\"")]
    private static partial Regex Quoted();
}
