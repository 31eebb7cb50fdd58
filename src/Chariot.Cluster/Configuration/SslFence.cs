using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Cluster.Secrets;
using Microsoft.Extensions.Logging;

namespace Chariot.Cluster.Configuration;

/// <summary>
/// Holds a certificate back that an old copy of the store may have brought back, until an administrator confirms it or decides anew. Judged
/// when this process first learns a configuration; later ones come from a cluster that goes forward only. Used by one thread at a time.
/// </summary>
internal sealed partial class SslFence(SslRecord record, SslRecordOptions options, ILogger<SslFence> logger) : ISslFence, IReadiness
{
    private static readonly string[] s_reasons = ["ssl-not-confirmed"];
    private long _heldAt;
    private bool _trusted;
    private bool _judged;
    private bool _written;
    private bool _failed;
    private volatile string? _heldBack;
    private long _seen;

    public string? HeldBack => _heldBack;

    public long Seen => Volatile.Read(ref _seen);

    public IReadOnlyList<string> Reasons => _heldBack is null ? [] : s_reasons;

    /// <summary>
    /// Null when the certificate of <paramref name="configuration"/>, if any, may be served; the record then says so before this returns. Else one
    /// sentence, and the record stays as it is.
    /// </summary>
    public string? Judge(BrokerConfiguration configuration)
    {
        if (configuration.ConfigurationId is not { } id)
        {
            // Written by an older version in a cluster that is being updated: nothing to hold it against, nor what comes after it while this process runs.
            _trusted = true;
            return null;
        }

        try
        {
            if (!_judged)
            {
                _judged = true;
                var known = record.Read(id);
                _seen = known.Revision;
                Hold(configuration, _trusted ? null : Doubt(configuration, known));
            }
            else if (_heldBack is not null && (configuration.Ssl is null || (configuration.SslRevision > _heldAt && configuration.SslRevision >= Seen)))
            {
                Hold(configuration, null);
                LogConfirmed(configuration.SslRevision);
            }

            if (_heldBack is null && (configuration.SslRevision > Seen || !_written))
            {
                record.Write(id, Math.Max(configuration.SslRevision, Seen));
                Volatile.Write(ref _seen, Math.Max(configuration.SslRevision, Seen));
                (_written, _failed) = (true, false);
            }
        }
        catch (IOException error)
        {
            if (!_failed)
            {
                LogNotWritten(error);
                _failed = true;
            }
        }

        return _heldBack;
    }

    private void Hold(BrokerConfiguration configuration, string? why)
    {
        _heldAt = configuration.SslRevision;
        _heldBack = why;
        if (why is not null)
        {
            LogHeldBack(configuration.Ssl!.Details.Subject, configuration.Ssl.Details.SerialNumber, why);
        }
    }

    private string? Doubt(BrokerConfiguration configuration, SslRecordState known)
    {
        if (configuration.Ssl is null)
        {
            return null;
        }

        if (known is { Found: false, Unreadable: { } file })
        {
            return $"The record {file} is altered or belongs to another master key, so the store may be an old copy.";
        }

        if (configuration.SslRevision < known.Revision)
        {
            return $"The store is an old copy: its certificate is of revision {configuration.SslRevision}, and this node has seen that SSL was changed or deleted in revision {known.Revision}.";
        }

        if (known.Moved)
        {
            return "The data directory was copied or moved, so it may be an old copy.";
        }

        // A new host of a cluster has no record yet; a store of one process that was set up with records has lost it.
        return !known.Found && options.IsOnlyNode && configuration.SslRevision > 0
            ? "The record of the SSL revision, which lies beside the master key file, is missing, so the store may be an old copy."
            : null;
    }

    [LoggerMessage(3520, LogLevel.Error, "Certificate {Subject}, serial number {SerialNumber}, is NOT served by this node: {Reason} If it is to be served, an administrator confirms it: chariot ssl confirm. If not: chariot ssl delete, or set SSL up anew.")]
    private partial void LogHeldBack(string subject, string serialNumber, string reason);

    [LoggerMessage(3521, LogLevel.Warning, "An administrator decided about the certificate that was held back, in revision {Revision}.")]
    private partial void LogConfirmed(long revision);

    [LoggerMessage(3522, LogLevel.Warning, "The record of the SSL revision cannot be kept. Until it can, this node would not notice that its store is an old copy. Make the directory of Chariot:MasterKeyFile or Chariot:DataDirectory writable.")]
    private partial void LogNotWritten(Exception error);
}
