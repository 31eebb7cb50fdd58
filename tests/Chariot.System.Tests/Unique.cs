namespace Chariot.SystemTests;

/// <summary>Names that no other test uses, so that tests can share a broker.</summary>
internal static class Unique
{
    private static int _last;

    public static string Name(string prefix) => $"{prefix}{Interlocked.Increment(ref _last)}-{Random.Shared.Next(1 << 30):x}";
}
