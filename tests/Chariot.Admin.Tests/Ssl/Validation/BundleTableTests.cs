using System.Collections.Immutable;
using System.Globalization;
using Chariot.Abstractions.Configuration;
using Chariot.TestKit.Certificates;

namespace Chariot.Admin.Tests.Ssl.Validation;

/// <summary>The table of bad and odd inputs, in process; over HTTP it is in the system tests.</summary>
public sealed class BundleTableTests
{
    public static TheoryData<string> Names => [.. BundleTable.Cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Inspect_OfARowOfTheTable_SaysWhatIsWrongAndWhere(string name)
    {
        var row = BundleTable.Cases[name];
        var files = row.Files;
        using var result = files.Inspect();
        var all = string.Join('\n', result.Findings.Select(finding => $"{finding.Severity} {finding.Code} {finding.File} block {finding.Block} line {finding.Line}: {finding.Message} {finding.Remedy}"));
        if (row.Code.Length == 0)
        {
            Assert.Empty(all);
        }
        else
        {
            var severity = Enum.Parse<FindingSeverity>(row.Severity, ignoreCase: true);
            var found = result.Findings.FirstOrDefault(finding => finding.Code == row.Code && finding.File == row.File && finding.Severity == severity && finding.Block == row.Block && finding.Line == row.Line);
            Assert.True(found is not null, string.Create(CultureInfo.InvariantCulture, $"expected {severity} {row.Code} {row.File} block {row.Block} line {row.Line}, got:\n{all}"));
            if (!row.IsTooLarge)
            {
                Assert.Contains(row.Says, $"{found.Message} {found.Remedy}", StringComparison.Ordinal);
            }
        }

        CheckShape(result.Findings, files);
        Assert.Equal(row.IsError, result.HasErrors);
        Assert.Equal(row.IsError, result.Pkcs8Key is null);
        Assert.Equal(row.IsError, result.Leaf is null);
    }

    /// <summary>What holds for every answer: errors first, one sentence and a remedy, nothing of the key in the text.</summary>
    private static void CheckShape(ImmutableArray<Finding> findings, BundleFiles files)
    {
        Assert.Equal(findings.OrderBy(finding => finding.Severity), findings);
        foreach (var finding in findings)
        {
            Assert.Matches("^(file|key|certificate|chain|bundle)\\.[a-z0-9-]+$", finding.Code);
            Assert.Contains(finding.File, (string?[])["privateKey", "serverCertificate", "caChain"]);
            Assert.False(string.IsNullOrWhiteSpace(finding.Message));
            Assert.False(string.IsNullOrWhiteSpace(finding.Remedy));
            Assert.DoesNotContain(finding.Message, char.IsControl);
            foreach (var line in (files.Key ?? "").Split('\n').Where(line => line.Length >= 40 && !line.StartsWith('-')))
            {
                Assert.DoesNotContain(line[..20], finding.Message + finding.Remedy, StringComparison.Ordinal);
            }
        }
    }
}
