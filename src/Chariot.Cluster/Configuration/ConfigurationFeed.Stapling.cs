using Chariot.Abstractions.Configuration;

namespace Chariot.Cluster.Configuration;

/// <summary>The same certificate, served with stapling from now on.</summary>
internal sealed partial class ConfigurationFeed
{
    /// <summary>
    /// Serves the current set-up with OCSP stapling, made anew. Does nothing when <paramref name="setupId"/> is not served any more
    /// or stapling has been switched off. No revision of its own: what is served differs by an answer that clients may ignore.
    /// </summary>
    public async Task StapleAsync(string setupId)
    {
        await _gate.WaitAsync(_stopping.Token);
        try
        {
            var configuration = _snapshot.Configuration;
            if (!_started || configuration.Ssl is not { } ssl || ssl.SetupId != setupId || _snapshot.Tls?.SetupId != setupId || !configuration.Tls.OcspStapling)
            {
                return;
            }

            var (material, error) = _tls.Create(ssl, staples: true);
            if (material is null)
            {
                throw new InvalidOperationException(error);
            }

            var trust = _snapshot.ClientTrust;
            _snapshot = new Snapshot(configuration, material, trust);
            var change = new ConfigurationChange(configuration, [], material) { ClientTrust = trust };
            foreach (var consumer in _consumers.Value)
            {
                await consumer.ApplyAsync(change, _stopping.Token);
            }
        }
        finally
        {
            _gate.Release();
        }
    }
}
