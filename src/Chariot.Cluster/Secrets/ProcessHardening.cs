using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Chariot.Cluster.Secrets;

/// <summary>
/// Keeps clear keys of this process from the disk and from other processes. Called first thing by the server; not by tests,
/// since a process that is not dumpable cannot be debugged.
/// </summary>
public static class ProcessHardening
{
    // linux/resource.h, linux/prctl.h
    private const int RlimitCore = 4;
    private const int PrSetDumpable = 4;

    // 077: nothing for group and others.
    private const uint OwnerOnly = 63;

    /// <summary>
    /// No core dumps, no ptrace by others, new files readable by the owner only. Does nothing outside Linux. Returns one
    /// sentence for each step that the system refused, for the log: the server may go on.
    /// </summary>
    public static IReadOnlyList<string> Apply()
    {
        if (!OperatingSystem.IsLinux())
        {
            return [];
        }

        RestrictNewFiles();
        return [.. new[] { DisableCoreDumps(), DisableTracing() }.OfType<string>()];
    }

    /// <summary>Returns the umask before.</summary>
    [SupportedOSPlatform("linux")]
    internal static uint RestrictNewFiles(uint mask = OwnerOnly) => Umask(mask);

    [SupportedOSPlatform("linux")]
    internal static string? DisableCoreDumps()
    {
        var none = default(ResourceLimit);
        return SetResourceLimit(RlimitCore, in none) == 0 ? null : $"Core dumps could not be switched off (error {Marshal.GetLastPInvokeError()}).";
    }

    [SupportedOSPlatform("linux")]
    private static string? DisableTracing() =>
        ProcessControl(PrSetDumpable, 0, 0, 0, 0) == 0 ? null : $"Memory of this process could not be closed to other processes (error {Marshal.GetLastPInvokeError()}).";

    [DllImport("libc", EntryPoint = "umask")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern uint Umask(uint mask);

    [DllImport("libc", EntryPoint = "setrlimit", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetResourceLimit(int resource, in ResourceLimit limit);

    [DllImport("libc", EntryPoint = "prctl", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int ProcessControl(int option, nuint arg2, nuint arg3, nuint arg4, nuint arg5);

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct ResourceLimit
    {
        public readonly nuint Current;
        public readonly nuint Maximum;
    }
}
