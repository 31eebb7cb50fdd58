using Chariot.Cluster.Tests.Tls;

namespace Chariot.Cluster.Tests;

/// <summary>Started by tests that need a process of their own, e.g. with another certificate store; xunit does not use it.</summary>
internal static class Program
{
    public static async Task<int> Main(string[] args) =>
        args is ["served-chain", var directory] ? await ServedChainProbe.RunAsync(directory) : 2;
}
