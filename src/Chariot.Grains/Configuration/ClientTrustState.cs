using System.Collections.Immutable;
using Chariot.Abstractions.Configuration;

namespace Chariot.Grains.Configuration;

/// <summary>
/// The trust in client certificates, stored beside the configuration that names it. Written first, under the revision that the
/// configuration is about to take, and with the one in force still in it: whether the configuration's own write then succeeds or
/// not, what it names is here.
/// </summary>
[GenerateSerializer, Immutable, Alias("chariot.client-trust-state.v1")]
internal sealed record ClientTrustState
{
    /// <summary>At most two: the one in force and, after a failure, one that never came into force.</summary>
    [Id(0)] public ImmutableArray<ClientTrust> Versions { get; init; } = [];

    /// <summary>The one of <paramref name="revision"/>; null when it is not here.</summary>
    public ClientTrust? Find(long revision) => revision == 0 ? ClientTrust.None : Versions.FirstOrDefault(version => version.Revision == revision);
}
