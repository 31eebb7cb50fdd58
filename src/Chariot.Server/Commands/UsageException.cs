namespace Chariot.Server.Commands;

/// <summary>The command cannot be carried out as it was given. The message is one sentence for the caller; exit code 2.</summary>
internal sealed class UsageException(string message, Exception? cause = null) : Exception(message, cause);
