using System.Diagnostics;

namespace Chariot.Architecture.Tests;

/// <summary>What deploy/ ships cannot all be run on a test machine; it is at least read by the tool that will read it.</summary>
public sealed class DeployTests
{
    [Theory]
    [InlineData("docker-compose", "-f", "deploy/docker/compose.yaml", "config", "-q")]
    [InlineData("haproxy", "-c", "-q", "-f", "deploy/balancer/haproxy.cfg")]
    [InlineData("node", "tests/npm/kubernetes.mjs", "deploy/kubernetes")]
    [InlineData("node", "tests/npm/node_modules/.bin/dockerfilelint", "deploy/docker/Dockerfile")]
    public async Task TheToolThatWillReadIt_AcceptsIt(string tool, params string[] arguments)
    {
        var (exitCode, output) = await RunAsync(tool, arguments);
        Assert.True(exitCode == 0, output);
    }

    [Fact]
    public async Task AManifestWithAnUnknownValue_IsRefused()
    {
        var folder = Directory.CreateTempSubdirectory("chariot-manifest-").FullName;
        try
        {
            var manifest = await File.ReadAllTextAsync(Path.Combine(Sources.Root, "deploy", "kubernetes", "edge.yaml"));
            Assert.Contains("Parallel", manifest, StringComparison.Ordinal);
            await File.WriteAllTextAsync(Path.Combine(folder, "edge.yaml"), manifest.Replace("Parallel", "Sideways", StringComparison.Ordinal));
            var (exitCode, output) = await RunAsync("node", ["tests/npm/kubernetes.mjs", folder]);
            Assert.Equal(1, exitCode);
            Assert.Contains("podManagementPolicy", output, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(string tool, string[] arguments)
    {
        var start = new ProcessStartInfo(Locate(tool), arguments) { WorkingDirectory = Sources.Root, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["POSTGRES_PASSWORD"] = "for-the-parser";
        start.Environment["CHARIOT_ADMIN_PASSWORD"] = "for-the-parser";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(1));
        return (process.ExitCode, await output + await errors);
    }

    // haproxy lies in /usr/sbin, which is not on everybody's path.
    private static string Locate(string tool) => File.Exists($"/usr/sbin/{tool}") ? $"/usr/sbin/{tool}" : tool;
}
