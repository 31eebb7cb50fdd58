using System.Net;

namespace Chariot.Edge.Limiting;

/// <summary>CONNECTs by remote address. Remembers an address for as long as what it did counts: a second or so.</summary>
internal sealed class AddressRates(TimeProvider time)
{
    private const int ManyAddresses = 10_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, EventRate> _rates = new(StringComparer.Ordinal);

    /// <summary>Addresses that are remembered.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _rates.Count;
            }
        }
    }

    /// <summary>Counts a CONNECT unless it is above the rate.</summary>
    /// <param name="address">Without port; IPv6 may stand in brackets.</param>
    /// <param name="perSecond">0 for any.</param>
    public bool TryTake(string address, int perSecond)
    {
        if (perSecond == 0 || IsLoopback(address))
        {
            return true;
        }

        var (now, frequency) = (time.GetTimestamp(), time.TimestampFrequency);
        lock (_gate)
        {
            if (_rates.Count >= ManyAddresses)
            {
                foreach (var rested in _rates.Where(pair => pair.Value.IsRested(now)).Select(pair => pair.Key).ToList())
                {
                    _rates.Remove(rested);
                }
            }

            var rate = _rates.GetValueOrDefault(address);
            var allowed = rate.TryTake(perSecond, now, frequency);
            _rates[address] = rate;
            return allowed;
        }
    }

    private static bool IsLoopback(string address) => IPAddress.TryParse(address.Trim('[', ']'), out var parsed) && IPAddress.IsLoopback(parsed);
}
