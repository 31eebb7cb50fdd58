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

    private Queue<long> _takeovers = [];
    private string? _address;
    private DateTimeOffset _alarmedAt;

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
    /// </summary>
    private bool MayTakeOver(string? address)
    {
        var now = time.GetUtcNow();
        ForgetOldTakeovers(now);
        if (_takeovers.Count < FreeTakeovers)
        {
            _takeovers.Enqueue(now.UtcTicks);
            return true;
        }

        if (now - _alarmedAt >= AlarmEvery)
        {
            _alarmedAt = now;
            LogFight(ClientId, _address ?? "unknown", address ?? "unknown");
        }

        return false;
    }

    private void ForgetOldTakeovers(DateTimeOffset now)
    {
        while (_takeovers.TryPeek(out var earliest) && now.UtcTicks - earliest >= FightWindow.Ticks)
        {
            _takeovers.Dequeue();
        }
    }
}
