using System.Globalization;
using System.Text;
using Chariot.TestKit.Broker;

namespace Chariot.Conformance.Tests.Table;

/// <summary>
/// docs/conformance.md lists every normative statement of both standards with the tests that prove it, why it does not apply,
/// or that it is a gap. <c>CHARIOT_CONFORMANCE_WRITE=1</c> writes the page anew.
/// </summary>
public class TableTests
{
    private static readonly string Page = Path.Combine(Repository.Root, "docs", "conformance.md");

    [Fact]
    public void Page_SaysWhatTheTestsSay()
    {
        var (text, gaps) = Generate();
        if (Environment.GetEnvironmentVariable("CHARIOT_CONFORMANCE_WRITE") == "1")
        {
            File.WriteAllText(Page, text);
        }

        Console.WriteLine($"conformance: {gaps.Count} gaps{(gaps.Count > 0 ? ": " + string.Join(", ", gaps) : "")}");
        Assert.True(
            File.Exists(Page) && File.ReadAllText(Page) == text,
            "docs/conformance.md is not what the tests say. Write it anew: CHARIOT_CONFORMANCE_WRITE=1 dotnet test tests/Chariot.Conformance.Tests --filter TableTests");
    }

    [Fact]
    public void EveryStatementThatATestNames_Exists()
    {
        var known = All().Select(statement => statement.Id).ToHashSet();

        Assert.All(ProvingTests.Find(), group => Assert.True(known.Contains(group.Key), $"{group.Key}, of {string.Join(", ", group)}"));
    }

    [Fact]
    public void StatementsThatDoNotApply_SayWhy()
    {
        Assert.All(All(), statement => Assert.True(statement.Server == (statement.WhyNot.Length == 0), statement.Id));
        Assert.Equal(141, Read("3", "mqtt-3.1.1.tsv").Count);
        Assert.Equal(251, Read("5", "mqtt-5.0.tsv").Count);
    }

    private static (string Text, List<string> Gaps) Generate()
    {
        var tests = ProvingTests.Find();
        var text = new StringBuilder();
        List<string> gaps = [];
        text.Append("""
            # Conformance, statement by statement

            Generated; do not edit. `CHARIOT_CONFORMANCE_WRITE=1 dotnet test tests/Chariot.Conformance.Tests --filter TableTests` writes it, and the
            same test fails when it is out of date. Numbers are those of the published standards; the words are ours. Tests without a project are
            in `tests/Chariot.Conformance.Tests`. The suites of others: [conformance-suites.md](conformance-suites.md).


            """);
        foreach (var (title, standard, file) in new[] { ("MQTT 3.1.1", "3", "mqtt-3.1.1.tsv"), ("MQTT 5.0", "5", "mqtt-5.0.tsv") })
        {
            var statements = Read(standard, file);
            var rows = new StringBuilder();
            var (tested, inapplicable, missing) = (0, 0, 0);
            foreach (var statement in statements)
            {
                var proofs = tests[statement.Id].Distinct().Order(StringComparer.Ordinal).ToArray();
                string state;
                if (proofs.Length > 0)
                {
                    tested++;
                    state = string.Join(", ", proofs.Select(proof => $"`{proof}`"));
                }
                else if (!statement.Server)
                {
                    inapplicable++;
                    state = "not applicable: " + statement.WhyNot;
                }
                else
                {
                    missing++;
                    gaps.Add(statement.Id);
                    state = "**gap**";
                }

                rows.Append(CultureInfo.InvariantCulture, $"| {statement.Number} | {statement.Says} | {state} |\n");
            }

            text.Append(CultureInfo.InvariantCulture, $"## {title}\n\n{statements.Count} statements: {tested} tested, {inapplicable} not applicable, {missing} gaps.\n\n");
            text.Append("| statement | in short | proof |\n|---|---|---|\n").Append(rows).Append('\n');
        }

        return (text.ToString().TrimEnd('\n') + "\n", gaps);
    }

    private static IEnumerable<Statement> All() => Read("3", "mqtt-3.1.1.tsv").Concat(Read("5", "mqtt-5.0.tsv"));

    private static IReadOnlyList<Statement> Read(string standard, string file) =>
        Statement.Read(standard, Path.Combine(Repository.Root, "tests", "Chariot.Conformance.Tests", "Statements", file));
}
