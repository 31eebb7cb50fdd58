using Microsoft.Extensions.Logging;

namespace Chariot.Grains.Configuration;

internal sealed partial class ConfigurationGrain
{
    [LoggerMessage(2010, LogLevel.Error, "The configuration could not be written; the change was refused. Check that the store is reachable and has space.")]
    private partial void LogCommitFailed(Exception error);

    [LoggerMessage(2011, LogLevel.Error, "Credential {Username} could not be changed; its old record is put back.")]
    private partial void LogCredentialChangeFailed(Exception error, string username);

    [LoggerMessage(2012, LogLevel.Error, "The old record of credential {Username} could not be put back. Read the credential again and repeat the change.")]
    private partial void LogRestoreFailed(Exception error, string username);

    [LoggerMessage(2013, LogLevel.Warning, "A change of credential {Username} was interrupted. Every node reads it again; check that its rights are as intended.")]
    private partial void LogPendingFound(string username);

    [LoggerMessage(2014, LogLevel.Error, "Deleted secrets could not be erased from the store; tried again in {Seconds} s. Check that the store is reachable and has space.")]
    private partial void LogEraseFailed(Exception error, double seconds);

    [LoggerMessage(2015, LogLevel.Warning, "The membership table could not be read. Check that the store is reachable; without store and peers this node stops serving.")]
    private partial void LogNotConfirmed(Exception error);

    [LoggerMessage(2200, LogLevel.Error, "The trust in client certificates could not be written; the change was refused. Check that the store is reachable and has space.")]
    private partial void LogClientTrustNotWritten(Exception error);

    [LoggerMessage(2201, LogLevel.Error, "The trust in client certificates of revision {Revision} is not in the store, so no client certificate is accepted. Restore the store from a backup, or upload the client CA again.")]
    private partial void LogClientTrustMissing(long revision);
}
