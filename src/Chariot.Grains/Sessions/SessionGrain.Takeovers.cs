using Chariot.Abstractions.Sessions;
using Orleans.Runtime;

namespace Chariot.Grains.Sessions;

/// <summary>Two clients with one client id, each throwing the other out.</summary>
internal sealed partial class SessionGrain
{
    /// <summary>Connections taken over in <see cref="FightWindow"/> before newcomers have to wait.</summary>
    private const int FreeTakeovers = 5;

    private const string TakeoversKey = "chariot.takeovers";
    private const string AddressKey = "chariot.address";

    private static readonly TimeSpan FightWindow = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan AlarmEvery = TimeSpan.FromMinutes(1);

    /// <summary>Looks at the one that is there before a newcomer has to wait, <see cref="LookAgain"/> apart: its end may be on its way.</summary>
    private const int Looks = 5;
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(50);

    /// <summary>How long a look counts, so that many newcomers at once do not keep this grain busy with looking.</summary>
    private static readonly TimeSpan LookCounts = TimeSpan.FromSeconds(1);

    private Queue<long> _takeovers = [];
    private string? _address;
    private DateTimeOffset _alarmedAt;
    private (long Epoch, DateTimeOffset At) _seen;

    /// <summary>This activation follows its client, and two that fight may be on two silos.</summary>
    public void OnDehydrate(IDehydrationContext dehydrationContext)
    {
        dehydrationContext.TryAddValue(TakeoversKey, _takeovers.ToArray());
        dehydrationContext.TryAddValue(AddressKey, _address ?? "");
    }

    public void OnRehydrate(IRehydrationContext rehydrationContext)
    {
        if (rehydrationContext.TryGetValue(TakeoversKey, out long[]? takeovers) && takeovers is not null)
        {
            _takeovers = new Queue<long>(takeovers);
        }

        if (rehydrationContext.TryGetValue(AddressKey, out string? address))
        {
            _address = address;
        }
    }

    /// <summary>The activation stays where it is: one that moves with each takeover would lose count of them.</summary>
    private bool IsFoughtOver
    {
        get
        {
            ForgetOldTakeovers(time.GetUtcNow());
            return _takeovers.Count > 1;
        }
    }

    /// <summary>
    /// Two clients that connect again whenever they are thrown out would do so for ever: the one that is there stays, the other waits.
    /// One that has left of its own accord and is faster than the news of it does not fight: nobody is there.
    /// </summary>
    private async ValueTask<bool> MayTakeOverAsync(SessionRecord existing, string? address)
    {
        ForgetOldTakeovers(time.GetUtcNow());
        if (_takeovers.Count < FreeTakeovers)
        {
            _takeovers.Enqueue(time.GetUtcNow().UtcTicks);
            return true;
        }

        if (!await IsThereAsync(existing))
        {
            return true;
        }

        var now = time.GetUtcNow();
        if (now - _alarmedAt >= AlarmEvery)
        {
            _alarmedAt = now;
            LogFight(ClientId, _address ?? "unknown", address ?? "unknown");
        }

        return false;
    }

    /// <summary>Whether the session's edge has its client, or is about to have it.</summary>
    private async ValueTask<bool> IsThereAsync(SessionRecord existing)
    {
        if (_seen.Epoch == existing.Epoch && time.GetUtcNow() - _seen.At < LookCounts)
        {
            return true;
        }

        for (var look = 1; ; look++)
        {
            if (existing.Owner is not { } owner || !links.Active.Contains(owner))
            {
                return false;
            }

            bool isKnown;
            try
            {
                var client = await links.Get(owner).GetClientAsync(ClientId).WaitAsync(GiveUpLimit, time);
                if (client is { Connected: false, DisconnectedAt: not null })
                {
                    return false;
                }

                isKnown = client is not null;
            }
            catch (Exception error)
            {
                // Taken over as from any silo that does not answer.
                LogGiveUpFailed(error, ClientId, owner);
                return false;
            }

            if (look == Looks)
            {
                _seen = isKnown ? (existing.Epoch, time.GetUtcNow()) : default;
                return isKnown;
            }

            await Task.Delay(LookAgain, time);
        }
    }

    private void ForgetOldTakeovers(DateTimeOffset now)
    {
        while (_takeovers.TryPeek(out var earliest) && now.UtcTicks - earliest >= FightWindow.Ticks)
        {
            _takeovers.Dequeue();
        }
    }
}
