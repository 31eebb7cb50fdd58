using Chariot.Abstractions.Configuration;

namespace Chariot.Grains.Configuration;

/// <summary>Which client certificates are accepted: a record of its own that a revision of the configuration names.</summary>
internal sealed partial class ConfigurationGrain
{
    private ClientTrust _trust = ClientTrust.None;

    public ValueTask<ClientTrust> GetClientTrustAsync() => ValueTask.FromResult(_trust);

    public async ValueTask<ChangeResult> SetClientTrustAsync(ClientTrust trust, long replaces)
    {
        if (replaces != _trust.Revision)
        {
            return Refuse(ChangeOutcome.RevisionConflict);
        }

        var known = _trust.Mappings.Select(mapping => mapping.Username).ToHashSet(StringComparer.Ordinal);
        foreach (var username in trust.Mappings.Select(mapping => mapping.Username).Where(known.Add))
        {
            if (await Credential(username).GetAsync() is null)
            {
                return Refuse(ChangeOutcome.UnknownCredential);
            }
        }

        var next = trust with { Revision = Revision + 1 };
        await WriteClientTrustAsync(new ClientTrustState { Versions = _trust.Revision == 0 ? [next] : [_trust, next] });
        await CommitAsync(_committed.Next(_committed.Current with { ClientTrustRevision = next.Revision }));
        _trust = next;
        return await PushAsync();
    }

    private async Task WriteClientTrustAsync(ClientTrustState next)
    {
        var before = trustStorage.State;
        trustStorage.State = next;
        try
        {
            await trustStorage.WriteStateAsync();
        }
        catch (Exception error)
        {
            // Nothing names it yet; the next activation reads what the store has.
            LogClientTrustNotWritten(error);
            trustStorage.State = before;
            DeactivateOnIdle();
            throw;
        }
    }

    private void LoadClientTrust()
    {
        var revision = _committed.Current.ClientTrustRevision;
        _trust = trustStorage.State.Find(revision) ?? ClientTrust.None;
        if (_trust.Revision != revision)
        {
            // Without it no certificate is accepted, which is the safe side.
            LogClientTrustMissing(revision);
        }
    }

    private bool IsMappedByCertificate(string username) => _trust.Mappings.Any(mapping => mapping.Username == username);
}
