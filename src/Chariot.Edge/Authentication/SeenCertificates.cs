using System.Collections.Immutable;
using Chariot.Abstractions.Edges;

namespace Chariot.Edge.Authentication;

/// <summary>
/// Client certificates that were accepted since start, to tell of their expiry: those that expire first, at most
/// <see cref="Capacity"/>. One that has expired is told of for a week, then forgotten.
/// </summary>
internal sealed class SeenCertificates(TimeProvider time)
{
    public const int Capacity = 1000;

    private static readonly TimeSpan ToldAfterExpiry = TimeSpan.FromDays(7);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, ClientCertificateDescription> _seen = new(StringComparer.Ordinal);

    public void Add(ClientCertificateDescription certificate)
    {
        lock (_gate)
        {
            if (!_seen.TryAdd(certificate.Sha256Fingerprint, certificate) || _seen.Count <= Capacity)
            {
                return;
            }

            _seen.Remove(_seen.Values.MaxBy(one => one.NotAfter)!.Sha256Fingerprint);
        }
    }

    /// <summary>Those that expire first, the first to expire first.</summary>
    public ImmutableArray<ClientCertificateDescription> FirstToExpire(int limit)
    {
        var forgotten = time.GetUtcNow() - ToldAfterExpiry;
        lock (_gate)
        {
            foreach (var old in _seen.Values.Where(one => one.NotAfter < forgotten).ToList())
            {
                _seen.Remove(old.Sha256Fingerprint);
            }

            return [.. _seen.Values.OrderBy(one => one.NotAfter).ThenBy(one => one.Sha256Fingerprint, StringComparer.Ordinal).Take(limit)];
        }
    }
}
