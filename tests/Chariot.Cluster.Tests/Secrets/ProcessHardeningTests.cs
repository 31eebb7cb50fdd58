using System.Runtime.Versioning;
using Chariot.Cluster.Secrets;

namespace Chariot.Cluster.Tests.Secrets;

[SupportedOSPlatform("linux")]
public sealed class ProcessHardeningTests
{
    [Fact]
    public void DisableCoreDumps_SetsTheLimitToZero()
    {
        Assert.Null(ProcessHardening.DisableCoreDumps());
        var line = File.ReadLines("/proc/self/limits").Single(l => l.StartsWith("Max core file size", StringComparison.Ordinal));
        Assert.Equal(["0", "0", "bytes"], line["Max core file size".Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void RestrictNewFiles_ClosesThemToOthers()
    {
        using var directory = new TemporaryDirectory();
        var before = ProcessHardening.RestrictNewFiles();
        try
        {
            var path = directory.File("new");
            File.WriteAllText(path, "");
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        }
        finally
        {
            ProcessHardening.RestrictNewFiles(before);
        }
    }
}
