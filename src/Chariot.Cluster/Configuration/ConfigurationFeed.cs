using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Cluster.Tls;
using Microsoft.Extensions.Logging;

namespace Chariot.Cluster.Configuration;

/// <summary>
/// Applies revisions one at a time: credentials first, then the certificate, then the new value becomes current, then the
/// consumers act on it. Pushes come from the configuration grain; a pull every few seconds heals a missed one. Knows nothing of
/// silos, so an Orleans client can use it with pulls only.
/// </summary>
internal sealed partial class ConfigurationFeed : IConfigurationFeed, IConfigurationStart, IAsyncDisposable
{
    private readonly IConfigurationSource _source;
    private readonly TlsMaterialFactory _tls;
    private readonly Lazy<IReadOnlyList<IConfigurationConsumer>> _consumers;
    private readonly ConfigurationFeedOptions _options;
    private readonly ConfigurationLease _lease;
    private readonly TimeProvider _time;
    private readonly ILogger<ConfigurationFeed> _logger;
    private readonly SslFence? _fence;
    private readonly CredentialCache _credentials;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly CancellationTokenSource _stopping = new();
    private volatile Snapshot _snapshot = new(new BrokerConfiguration(), null, ClientTrust.None);
    // The last revision that every consumer acts on.
    private long _actedOn = -1;

    // Below: only under _gate.
    private bool _started;
    private NodeResult? _last;
    private bool _consumerFailed;
    private ConfigurationUpdate? _early;
    private PreparedTls? _prepared;
    private Task _pulling = Task.CompletedTask;

    /// <param name="consumers">Asked for at the first use: consumers depend on the feed themselves.</param>
    /// <param name="fence">Null: every certificate of the store is served.</param>
    public ConfigurationFeed(
        IConfigurationSource source,
        TlsMaterialFactory tls,
        Func<IReadOnlyList<IConfigurationConsumer>> consumers,
        ConfigurationFeedOptions options,
        ConfigurationLease lease,
        TimeProvider time,
        ILogger<ConfigurationFeed> logger,
        SslFence? fence = null)
    {
        _source = source;
        _tls = tls;
        _consumers = new(consumers);
        _options = options;
        _lease = lease;
        _time = time;
        _logger = logger;
        _fence = fence;
        _credentials = new(source.GetCredentialAsync);
    }

    public BrokerConfiguration Current => _snapshot.Configuration;

    public TlsMaterial? Tls => _snapshot.Tls;

    public ClientTrust ClientTrust => _snapshot.ClientTrust;

    public ValueTask<CredentialRecord?> FindCredentialAsync(string username, CancellationToken cancellationToken = default) =>
        _credentials.FindAsync(username, cancellationToken);

    public async Task<NodeResult> StartAsync(CancellationToken cancellationToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        var (update, asked) = await ReadFirstAsync(ending.Token);
        await _gate.WaitAsync(ending.Token);
        try
        {
            if (_started)
            {
                throw new InvalidOperationException("The configuration feed has been started already.");
            }

            _started = true;
            if (_early is { } early && early.Configuration.Revision > update.Configuration.Revision)
            {
                update = early;
            }

            _early = null;
            var result = await ApplyNextAsync(update, changed: null);
            if (asked is { } since && !_consumerFailed)
            {
                ExtendLease(since);
            }

            _pulling = PullAsync();
            return result;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>
    /// A push. Its list of credentials tells the difference to the revision before it; after a gap every credential counts as
    /// changed.
    /// </summary>
    public Task<NodeResult> ApplyAsync(ConfigurationUpdate update) => ApplyAsync(update, update.Configuration.Revision - 1);

    public async Task RefreshAsync(CancellationToken cancellationToken)
    {
        var since = Current.Revision;
        await ApplyAsync(await _source.GetUpdateAsync(since).WaitAsync(cancellationToken), since);
    }

    public async ValueTask DisposeAsync()
    {
        if (_stopping.IsCancellationRequested)
        {
            return;
        }

        await _stopping.CancelAsync();
        await _pulling.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _gate.WaitAsync();
        try
        {
            _prepared?.Expiry.Dispose();
            _prepared = null;
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task<NodeResult> ApplyAsync(ConfigurationUpdate update, long sinceRevision)
    {
        await _gate.WaitAsync(_stopping.Token);
        try
        {
            if (!_started)
            {
                // Nothing listens yet, so nothing here acts on an older revision; the start applies at least this one.
                if (_early is null || _early.Configuration.Revision < update.Configuration.Revision)
                {
                    _early = update;
                }

                return new NodeResult(_options.NodeName, _early.Configuration.Revision, true, null);
            }

            var current = _snapshot.Configuration.Revision;
            if (update.Configuration.Revision < current || (update.Configuration.Revision == current && !_consumerFailed))
            {
                return _last!;
            }

            // A consumer that failed may have missed the list of that revision too.
            var changed = _consumerFailed || sinceRevision > current || update.ChangedCredentials.IsDefault ? null : (IReadOnlyCollection<string>)update.ChangedCredentials;
            return await ApplyNextAsync(update, changed);
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task<NodeResult> ApplyNextAsync(ConfigurationUpdate update, IReadOnlyCollection<string>? changed)
    {
        // 1. Credentials, since consumers ask for the new ones.
        await _credentials.RefreshAsync(changed);

        // 2. The certificate. Without it the rest still applies: a set-up that cannot be opened must not hold back an ACL.
        var configuration = update.Configuration;
        var (tls, error) = _fence?.Judge(configuration) is { } heldBack
            ? new TlsMaterialResult(null, heldBack)
            : await ResolveTlsAsync(configuration.Ssl, configuration.Tls);
        var (trust, trustError) = await ResolveClientTrustAsync(configuration.ClientTrustRevision);
        error ??= trustError;

        // 3. Configuration, certificate and trust become current together.
        _snapshot = new Snapshot(configuration, tls, trust);

        // 4. Consumers act on it.
        var change = new ConfigurationChange(configuration, changed, tls) { ClientTrust = trust };
        // As if a consumer had failed: the next pull tries this revision again.
        _consumerFailed = trustError is not null;
        foreach (var consumer in _consumers.Value)
        {
            try
            {
                await consumer.ApplyAsync(change, _stopping.Token);
            }
            catch (Exception e)
            {
                _consumerFailed = true;
                error ??= $"{consumer.GetType().Name} could not act on revision {configuration.Revision}: {e.Message}";
                if (_last?.Error != error)
                {
                    LogConsumerFailed(e, consumer.GetType().Name, configuration.Revision);
                }
            }
        }

        if (!_consumerFailed)
        {
            Volatile.Write(ref _actedOn, configuration.Revision);
        }

        if (error is null)
        {
            LogApplied(configuration.Revision, tls?.Fingerprint ?? "none");
        }
        else if (_last?.Error != error)
        {
            LogNotApplied(configuration.Revision, error);
        }

        return _last = Answer(configuration.Revision, error) with { ServedFingerprint = tls?.Fingerprint };
    }

    private NodeResult Answer(long revision, string? error) => new(_options.NodeName, revision, error is null, error) { SslRevisionSeen = _fence?.Seen ?? 0 };

    private async Task<TlsMaterialResult> ResolveTlsAsync(SslConfiguration? ssl, TlsSettings settings)
    {
        if (ssl?.SetupId is { } unchanged && _snapshot.Tls is { } served && served.SetupId == unchanged && (settings.OcspStapling || !served.Staples))
        {
            return new(served, null);
        }

        if (ssl is not null && _prepared is { } prepared && prepared.Material.SetupId == ssl.SetupId)
        {
            prepared.Expiry.Dispose();
            _prepared = null;
            return new(prepared.Material, null);
        }

        if (ssl?.SetupId != _snapshot.Configuration.Ssl?.SetupId)
        {
            await AbandonPreparedAsync();
        }

        return ssl is null ? default : _tls.Create(ssl);
    }

    private async Task<(ConfigurationUpdate Update, long? Asked)> ReadFirstAsync(CancellationToken cancellationToken)
    {
        var failed = false;
        while (true)
        {
            try
            {
                var asked = _time.GetTimestamp();
                var answer = await _source.RenewLeaseAsync(0).WaitAsync(cancellationToken);
                if (failed)
                {
                    LogPullRecovered();
                }

                return (answer.Update, answer.Granted ? asked : null);
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                if (!failed)
                {
                    LogPullFailed(e, Current.Revision);
                    failed = true;
                }
            }

            await Task.Delay(_options.StartRetryPeriod, _time, cancellationToken);
        }
    }

    private async Task PullAsync()
    {
        using var timer = new PeriodicTimer(_options.PullPeriod, _time);
        var failed = false;
        while (await timer.WaitForNextTickAsync(_stopping.Token))
        {
            var since = Current.Revision;
            try
            {
                var asked = _time.GetTimestamp();
                var answer = await _source.RenewLeaseAsync(since).WaitAsync(_options.PullLimit, _time, _stopping.Token);
                // Unchanged: not through the gate, behind which a certificate may be on trial for longer than the lease.
                if (answer.Update.Configuration.Revision != Volatile.Read(ref _actedOn))
                {
                    await ApplyAsync(answer.Update, since);
                }

                if (answer.Granted && Volatile.Read(ref _actedOn) >= answer.Update.Configuration.Revision)
                {
                    ExtendLease(asked);
                }

                if (failed)
                {
                    LogPullRecovered();
                    failed = false;
                }
            }
            catch (Exception e) when (!_stopping.IsCancellationRequested)
            {
                if (!failed)
                {
                    LogPullFailed(e, since);
                    failed = true;
                }
            }
        }
    }

    private void ExtendLease(long asked) => _lease.Extend(ConfigurationLease.Duration - _time.GetElapsedTime(asked));

    private sealed record Snapshot(BrokerConfiguration Configuration, TlsMaterial? Tls, ClientTrust ClientTrust);

    private sealed record PreparedTls(TlsMaterial Material, ITimer Expiry);
}
