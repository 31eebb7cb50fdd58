using Chariot.Abstractions.Configuration;
using Chariot.Cluster.Tls;

namespace Chariot.Cluster.Configuration;

/// <summary>Preparing a certificate without serving it; at most one at a time.</summary>
internal sealed partial class ConfigurationFeed
{
    /// <summary>
    /// Opens and tries <paramref name="candidate"/> and lets every consumer get ready for it. Given up by itself after
    /// <see cref="ConfigurationFeedOptions.PrepareLifetime"/>. <see cref="NodeResult.Applied"/> means ready.
    /// </summary>
    public async Task<NodeResult> PrepareSslAsync(SslConfiguration candidate)
    {
        await _gate.WaitAsync(_stopping.Token);
        try
        {
            await AbandonPreparedAsync();
            var (material, error) = _tls.Create(candidate);
            error ??= await TlsSelfTest.RunAsync(material!, Current.Tls, _stopping.Token);
            error ??= await PrepareConsumersAsync(material!);
            if (error is null)
            {
                Hold(material!);
                LogPrepared(candidate.SetupId);
            }
            else
            {
                LogPrepareFailed(candidate.SetupId, error);
            }

            return Answer(Current.Revision, error) with { ServedFingerprint = Tls?.Fingerprint };
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Gives up a prepared set-up; one that is not prepared, or active already, is left alone.</summary>
    public async Task AbandonSslAsync(string setupId)
    {
        await _gate.WaitAsync(_stopping.Token);
        try
        {
            if (_prepared?.Material.SetupId == setupId)
            {
                await AbandonPreparedAsync();
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task<string?> PrepareConsumersAsync(TlsMaterial material)
    {
        List<IConfigurationConsumer> ready = [];
        foreach (var consumer in _consumers.Value)
        {
            string? error;
            try
            {
                error = await consumer.PrepareTlsAsync(material, _stopping.Token);
                if (error is null)
                {
                    ready.Add(consumer);
                    continue;
                }
            }
            catch (Exception e)
            {
                // Unlike one that answers why it cannot, it may still hold something.
                ready.Add(consumer);
                error = $"{consumer.GetType().Name} could not get ready: {e.Message}";
                LogConsumerTlsFailed(e, consumer.GetType().Name, material.SetupId);
            }

            await AbandonAsync(ready, material.SetupId);
            return error;
        }

        return null;
    }

    private void Hold(TlsMaterial material)
    {
        PreparedTls? held = null;
        // Armed only when it is held, so that it cannot fire before.
        var expiry = _time.CreateTimer(_ => _ = ExpireAsync(held!), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        held = _prepared = new PreparedTls(material, expiry);
        expiry.Change(_options.PrepareLifetime, Timeout.InfiniteTimeSpan);
    }

    private async Task ExpireAsync(PreparedTls held)
    {
        await _gate.WaitAsync();
        try
        {
            if (ReferenceEquals(_prepared, held))
            {
                await AbandonPreparedAsync();
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task AbandonPreparedAsync()
    {
        if (_prepared is not { } prepared)
        {
            return;
        }

        _prepared = null;
        await prepared.Expiry.DisposeAsync();
        await AbandonAsync(_consumers.Value, prepared.Material.SetupId);
        LogAbandoned(prepared.Material.SetupId);
    }

    private async Task AbandonAsync(IReadOnlyList<IConfigurationConsumer> consumers, string setupId)
    {
        foreach (var consumer in consumers)
        {
            try
            {
                await consumer.AbandonTlsAsync();
            }
            catch (Exception e)
            {
                LogConsumerTlsFailed(e, consumer.GetType().Name, setupId);
            }
        }
    }
}
