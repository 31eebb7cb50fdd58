using Microsoft.Extensions.Logging;

namespace Chariot.Cluster.Configuration;

internal sealed partial class ConfigurationFeed
{
    [LoggerMessage(3500, LogLevel.Information, "This node acts on configuration revision {Revision}; certificate {Fingerprint}.")]
    private partial void LogApplied(long revision, string fingerprint);

    [LoggerMessage(3501, LogLevel.Error, "Configuration revision {Revision} could not be applied in full: {Reason} Fix the cause; after a change of the master key file restart this node.")]
    private partial void LogNotApplied(long revision, string reason);

    [LoggerMessage(3502, LogLevel.Error, "{Consumer} failed on configuration revision {Revision}; it is tried again.")]
    private partial void LogConsumerFailed(Exception exception, string consumer, long revision);

    [LoggerMessage(3503, LogLevel.Warning, "The configuration cannot be read; this node keeps acting on revision {Revision} and goes on trying. Check the store and the other nodes.")]
    private partial void LogPullFailed(Exception exception, long revision);

    [LoggerMessage(3504, LogLevel.Information, "The configuration can be read again.")]
    private partial void LogPullRecovered();

    [LoggerMessage(3505, LogLevel.Warning, "Certificate set-up {SetupId} cannot be activated here: {Reason}")]
    private partial void LogPrepareFailed(string setupId, string reason);

    [LoggerMessage(3506, LogLevel.Information, "Certificate set-up {SetupId} is ready to be activated.")]
    private partial void LogPrepared(string setupId);

    [LoggerMessage(3507, LogLevel.Information, "Certificate set-up {SetupId} was given up before activation.")]
    private partial void LogAbandoned(string setupId);

    [LoggerMessage(3508, LogLevel.Error, "{Consumer} failed to get ready for, or to give up, certificate set-up {SetupId}.")]
    private partial void LogConsumerTlsFailed(Exception exception, string consumer, string setupId);
}
