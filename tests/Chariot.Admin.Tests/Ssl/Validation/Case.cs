using System.Collections.Immutable;
using System.Text;
using Chariot.Abstractions.Configuration;

namespace Chariot.Admin.Tests.Ssl.Validation;

/// <summary>One bad (or odd) input and the finding that must be among the answers.</summary>
internal sealed record Case(string Code, FindingSeverity Severity, string File, int? Block, int? Line, Func<Files> Input)
{
    /// <summary>Words that message or remedy must have.</summary>
    public string Says { get; init; } = "";

    public void Check()
    {
        var files = Input();
        using var result = files.Inspect();
        var all = string.Join('\n', result.Findings.Select(finding => $"{finding.Severity} {finding.Code} {finding.File} block {finding.Block} line {finding.Line}: {finding.Message} {finding.Remedy}"));
        var finding = result.Findings.FirstOrDefault(finding => finding.Code == Code && finding.File == File && finding.Severity == Severity && finding.Block == Block && finding.Line == Line);
        Assert.True(finding is not null, $"expected {Severity} {Code} {File} block {Block} line {Line}, got:\n{all}");
        Assert.Contains(Says, $"{finding.Message} {finding.Remedy}", StringComparison.Ordinal);
        CheckShape(result.Findings, files);
        if (Severity == FindingSeverity.Error)
        {
            Assert.True(result.HasErrors);
            Assert.Null(result.Pkcs8Key);
            Assert.Null(result.Leaf);
        }
        else
        {
            Assert.False(result.HasErrors, all);
            Assert.NotNull(result.Pkcs8Key);
            Assert.NotNull(result.Leaf);
        }
    }

    /// <summary>What holds for every answer: errors first, one sentence and a remedy, nothing of the key in the text.</summary>
    public static void CheckShape(ImmutableArray<Finding> findings, Files files)
    {
        Assert.Equal(findings.OrderBy(finding => finding.Severity), findings);
        var key = files.Key is null ? "" : Encoding.Latin1.GetString(files.Key);
        foreach (var finding in findings)
        {
            Assert.Matches("^(file|key|certificate|chain|bundle)\\.[a-z0-9-]+$", finding.Code);
            Assert.Contains(finding.File, (string?[])["privateKey", "serverCertificate", "caChain"]);
            Assert.False(string.IsNullOrWhiteSpace(finding.Message));
            Assert.False(string.IsNullOrWhiteSpace(finding.Remedy));
            Assert.DoesNotContain(finding.Message, char.IsControl);
            foreach (var line in key.Split('\n').Where(line => line.Length >= 40 && !line.StartsWith('-')))
            {
                Assert.DoesNotContain(line[..20], finding.Message + finding.Remedy, StringComparison.Ordinal);
            }
        }
    }
}
