using Chariot.Abstractions.Access;
using Chariot.Abstractions.Stores;

namespace Chariot.Grains.Access;

internal sealed class CredentialGrain(
    [PersistentState(StateNames.Credential, StateNames.Provider)] IPersistentState<CredentialRecord> storage) : Grain, ICredentialGrain
{
    // Apart from storage.State, which holds an uncommitted record while a write is under way.
    private CredentialRecord? _committed;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _committed = storage.RecordExists ? storage.State : null;
        return Task.CompletedTask;
    }

    public ValueTask<CredentialRecord?> GetAsync() => ValueTask.FromResult(_committed);

    public async ValueTask PutAsync(CredentialRecord? record)
    {
        try
        {
            if (record is not null)
            {
                storage.State = record;
                await storage.WriteStateAsync();
            }
            else if (storage.RecordExists)
            {
                await storage.ClearStateAsync();
            }
        }
        catch
        {
            // What the store holds now is not known; the next activation reads it.
            DeactivateOnIdle();
            throw;
        }

        _committed = record;
    }
}
