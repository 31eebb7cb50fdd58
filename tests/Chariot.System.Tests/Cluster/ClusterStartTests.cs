using Chariot.TestKit;
using Chariot.TestKit.Broker;

namespace Chariot.SystemTests.Cluster;

/// <summary>What is missing for a cluster is said, all at once, and ends the start with code 2.</summary>
public class ClusterStartTests
{
    [Theory]
    [InlineData("Chariot:Store:Provider", "postgres", "Chariot:Store:ConnectionString is missing", "Chariot:MasterKeyFile is missing")]
    [InlineData("Chariot:Store:Provider", "oracle", "must be sqlite (one node), postgres or azure", "")]
    [InlineData("Chariot:Roles", "edge", "with the sqlite store one process has both roles", "")]
    [InlineData("Chariot:Roles", "boss", "must be 'edge', 'admin' or 'edge,admin'", "")]
    public async Task AWrongConfiguration_IsRefused(string key, string value, string first, string second)
    {
        await using var node = BrokerProcess.Launch(new BrokerOptions { Configuration = new Dictionary<string, string> { [key] = value } });

        Assert.Equal(2, await node.WaitForExitAsync(60));
        Assert.Contains(first, node.Output, StringComparison.Ordinal);
        Assert.Contains(second, node.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AMissingMasterKey_IsRefused_AndNotMade()
    {
        using var directory = new TempDirectory();
        await using var node = BrokerProcess.Launch(new BrokerOptions
        {
            Configuration = new Dictionary<string, string>
            {
                ["Chariot:Store:Provider"] = "postgres",
                ["Chariot:Store:ConnectionString"] = "Host=127.0.0.1;Port=1;Username=u;Database=d;Timeout=1",
                ["Chariot:MasterKeyFile"] = directory.File("master.key"),
            },
        });

        Assert.Equal(2, await node.WaitForExitAsync(60));
        Assert.Contains("is missing; copy it from another node", node.Output, StringComparison.Ordinal);
        Assert.False(File.Exists(directory.File("master.key")));
    }
}
