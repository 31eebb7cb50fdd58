namespace Chariot.Server.Commands;

/// <summary>What an administration command tells its caller.</summary>
internal static class ExitCode
{
    public const int Success = 0;

    /// <summary>The server was reached and refused, or it found the files unfit.</summary>
    public const int Refused = 1;

    /// <summary>Wrong arguments, an unreadable file, or no answer from the server.</summary>
    public const int Usage = 2;
}
