using Chariot.Abstractions.Configuration;
using Orleans.Runtime;

namespace Chariot.Grains.Configuration;

/// <summary>
/// Which silos may still act on an older revision, as far as the grain has allowed it. A silo's lease runs from the moment it asked,
/// which is before the moment counted here, so every date of this table is on the safe side.
/// </summary>
internal sealed class LeaseTable(bool required, TimeProvider time)
{
    /// <summary>How long a look at the membership table is good for.</summary>
    public static readonly TimeSpan ConfirmedFor = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Without a look in this time, whatever came of it, this process has hung, and what it takes for the voice of a peer may have waited in its
    /// sockets. Shorter than a hang that gets a silo declared dead.
    /// </summary>
    public static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(4);

    /// <summary>What another activation may have granted before this one began: up to <see cref="ConfirmedFor"/> later, for a whole lease.</summary>
    private static readonly TimeSpan s_unknown = ConfirmedFor + ConfigurationLease.Duration;

    private readonly Dictionary<SiloAddress, long> _granted = [];
    private readonly long _startedAt = time.GetTimestamp();
    private long _lookedAt = time.GetTimestamp();
    private long? _confirmedAt;
    private bool _dead;

    /// <summary>
    /// The membership table was asked for at <paramref name="askedAt"/>. While this silo is alive in it, nobody can have replaced this activation
    /// before. A dead one never comes back.
    /// </summary>
    /// <param name="alive">Null when it could not be read.</param>
    public void Look(long askedAt, bool? alive)
    {
        _lookedAt = askedAt;
        _dead |= alive == false;
        _confirmedAt = alive == true ? askedAt : _confirmedAt;
    }

    /// <summary>
    /// Whether leases may be granted: the membership table was read a moment ago, or, while the store is away, there is no other silo or
    /// another one has just been in touch. A silo that has lost both store and peers may have been replaced without knowing.
    /// </summary>
    public bool TryGrant(SiloAddress silo, SiloAddress local, IReadOnlyCollection<SiloAddress> active)
    {
        if (!required)
        {
            return true;
        }

        // A silo that was declared dead while it hung asks as soon as it wakes.
        if (_dead || !active.Contains(silo) || time.GetElapsedTime(_lookedAt) >= LookEvery)
        {
            return false;
        }

        var sure = (_confirmedAt is { } at && time.GetElapsedTime(at) < ConfirmedFor)
            || !active.Any(other => !other.Equals(local))
            || !silo.Equals(local)
            || _granted.Any(entry => !entry.Key.Equals(local) && time.GetElapsedTime(entry.Value) < ConfirmedFor);
        if (sure)
        {
            _granted[silo] = time.GetTimestamp();
        }

        return sure;
    }

    /// <summary>Completes when no silo outside <paramref name="applied"/> can act on what was in force before <paramref name="committedAt"/>.</summary>
    public Task WhenOverAsync(IReadOnlySet<SiloAddress> applied, long committedAt)
    {
        if (!required)
        {
            return Task.CompletedTask;
        }

        var wait = s_unknown - time.GetElapsedTime(_startedAt);
        foreach (var (silo, at) in _granted.ToArray())
        {
            if (time.GetElapsedTime(at) >= ConfigurationLease.Duration)
            {
                _granted.Remove(silo);
            }
            else if (!applied.Contains(silo))
            {
                // What was granted after the commit was granted for the new revision.
                var left = ConfigurationLease.Duration - time.GetElapsedTime(Math.Min(at, committedAt));
                wait = left > wait ? left : wait;
            }
        }

        return wait > TimeSpan.Zero ? Task.Delay(wait, time) : Task.CompletedTask;
    }
}
