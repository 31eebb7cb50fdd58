using Chariot.TestKit;
using Chariot.TestKit.Broker;

namespace Chariot.SystemTests.Ssl;

/// <summary>What testssl.sh finds on 8883 and 8443. Its short form is <see cref="TlsPolicyTests"/>.</summary>
public class TestSslTests
{
    [LongDrillFact]
    public async Task TestSsl_FindsNothingOfSeverityMediumOrAbove()
    {
        var result = await Command.RunAsync("bash", [Path.Combine(Repository.Root, "bench", "testssl.sh")], Repository.Root, 1800);

        foreach (var line in result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            Drill.Report(line);
        }

        result.EnsureSuccess();
    }
}
