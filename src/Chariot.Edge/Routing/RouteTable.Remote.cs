using System.Text;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Links;

namespace Chariot.Edge.Routing;

/// <summary>
/// Filters that other silos have subscribers to, and what they are told of those here: a filter is announced with its first
/// subscriber and withdrawn after its last. All under the table's lock, so that what a peer hears has the table's order.
/// </summary>
internal sealed partial class RouteTable
{
    private readonly Dictionary<byte[], RemoteRoute> _remoteExact = new(TopicBytesComparer.Instance);
    private readonly FilterTrie<RemoteRoute> _remoteWildcards = new();
    private readonly Dictionary<string, RemoteRoute> _remoteShared = new(StringComparer.Ordinal);
    private readonly Dictionary<Peer, HashSet<RemoteRoute>> _byPeer = [];
    private readonly List<RemoteRoute> _remoteMatches = [];
    private Peer[] _listeners = [];

    /// <summary>Routes that other silos have announced.</summary>
    public int RemoteCount
    {
        get
        {
            lock (_gate)
            {
                return _byPeer.Values.Sum(routes => routes.Count);
            }
        }
    }

    /// <summary>Tells <paramref name="peer"/> of every filter with a subscriber here, and from now on of every change.</summary>
    public void AddPeer(Peer peer)
    {
        lock (_gate)
        {
            foreach (var subscriptions in _exact.Values.Concat(_wildcards.All()))
            {
                if (subscriptions.Find(subscription => subscription.Group is null) is { } first)
                {
                    LinkItem.AppendRoute(peer.Control, LinkItemKind.RouteAdded, first.Record.Filter, subscriptions.Exists(IsPlainAndDurable) ? 1 : 0);
                }

                foreach (var shared in subscriptions.Where(subscription => subscription.Group is not null).GroupBy(subscription => subscription.Record.Filter, StringComparer.Ordinal))
                {
                    LinkItem.AppendRoute(peer.Control, LinkItemKind.RouteAdded, shared.Key, shared.Count());
                }
            }

            LinkItem.AppendMark(peer.Control, LinkItemKind.RoutesEnd);
            _listeners = [.. _listeners, peer];
        }
    }

    /// <summary>
    /// A peer is dead; its routes stay until its sessions are adopted, but for those of sessions that died with it. Returns how many stay.
    /// </summary>
    public int OrphanPeer(Peer peer)
    {
        lock (_gate)
        {
            _listeners = [.. _listeners.Where(other => other != peer)];
            foreach (var route in _byPeer.GetValueOrDefault(peer)?.ToList() ?? [])
            {
                if (route.ShareKey is null && route.MembersAt(peer) == 0)
                {
                    RemoveRemote(peer, route);
                }
                else
                {
                    Touch(route.Filter);
                }
            }

            return _byPeer.GetValueOrDefault(peer)?.Count ?? 0;
        }
    }

    /// <summary>Forgets a peer and its routes; returns how many they were.</summary>
    public int RemovePeer(Peer peer)
    {
        lock (_gate)
        {
            _listeners = [.. _listeners.Where(other => other != peer)];
            var gone = _byPeer.GetValueOrDefault(peer)?.ToList() ?? [];
            foreach (var route in gone)
            {
                RemoveRemote(peer, route);
            }

            _byPeer.Remove(peer);
            return gone.Count;
        }
    }

    /// <summary>
    /// A peer has subscribers to a filter; <paramref name="members"/> counts those of a shared subscription, and of another says whether one is
    /// durable.
    /// </summary>
    public void AddRemote(Peer peer, string filter, int members)
    {
        lock (_gate)
        {
            var route = FindRemote(filter) ?? CreateRemote(filter);
            route.Set(peer, members);
            if (!_byPeer.TryGetValue(peer, out var routes))
            {
                _byPeer[peer] = routes = [];
            }

            routes.Add(route);
            Touch(route.Filter);
        }
    }

    public void RemoveRemote(Peer peer, string filter)
    {
        lock (_gate)
        {
            if (FindRemote(filter) is { } route && _byPeer.GetValueOrDefault(peer)?.Contains(route) == true)
            {
                RemoveRemote(peer, route);
            }
        }
    }

    private RemoteRoute? FindRemote(string filter)
    {
        if (_remoteShared.TryGetValue(filter, out var shared) || TopicFilter.TrySplitShared(filter, out _, out _))
        {
            return shared;
        }

        var bytes = Encoding.UTF8.GetBytes(filter);
        return IsWildcard(bytes)
            ? _remoteWildcards.Get(bytes)?.Find(route => route.ShareKey is null)
            : _remoteExact.GetValueOrDefault(bytes);
    }

    private RemoteRoute CreateRemote(string filter)
    {
        RemoteRoute route;
        if (TopicFilter.TrySplitShared(filter, out _, out var inner))
        {
            // In the trie even without wildcards: there are few, and an exact filter keeps its one entry.
            _remoteShared[filter] = route = new RemoteRoute(Encoding.UTF8.GetBytes(inner.ToString()), filter);
            _remoteWildcards.Add(route.Filter, route);
            return route;
        }

        route = new RemoteRoute(Encoding.UTF8.GetBytes(filter), null);
        if (IsWildcard(route.Filter))
        {
            _remoteWildcards.Add(route.Filter, route);
        }
        else
        {
            _remoteExact[route.Filter] = route;
        }

        return route;
    }

    private void RemoveRemote(Peer peer, RemoteRoute route)
    {
        _byPeer[peer].Remove(route);
        if (route.Remove(peer))
        {
            if (route.ShareKey is { } key)
            {
                _remoteShared.Remove(key);
            }

            if (route.ShareKey is not null || IsWildcard(route.Filter))
            {
                _remoteWildcards.Remove(route.Filter, route);
            }
            else
            {
                _remoteExact.Remove(route.Filter);
            }
        }

        Touch(route.Filter);
    }

    private Peer[] MatchRemote(byte[] topic, out List<RemoteRoute> shared)
    {
        shared = [];
        if (_byPeer.Count == 0)
        {
            return [];
        }

        _remoteMatches.Clear();
        if (_remoteExact.TryGetValue(topic, out var exact))
        {
            _remoteMatches.Add(exact);
        }

        _remoteWildcards.Match(topic, _remoteMatches);
        shared.AddRange(_remoteMatches.Where(route => route.ShareKey is not null));
        return [.. _remoteMatches.Where(route => route.ShareKey is null).SelectMany(route => route.Peers).Distinct()];
    }

    private void AddPeers(List<SharedTarget> shared, List<RemoteRoute> elsewhere)
    {
        foreach (var route in elsewhere)
        {
            var target = shared.Find(local => local.Key == route.ShareKey);
            if (target is null)
            {
                shared.Add(target = new SharedTarget(new SharedGroup(route.ShareKey!, Sharing), []));
            }

            var alive = Enumerable.Range(0, route.Peers.Length).Where(index => !route.Peers[index].IsClosed).ToList();
            if (alive.Count > 0)
            {
                target.Peers = new SharedPeers([.. alive.Select(index => route.Peers[index])], [.. alive.Select(index => route.Members[index])]);
            }
        }
    }

    private void AnnounceAdded(Subscription subscription)
    {
        if (_listeners.Length == 0)
        {
            return;
        }

        if (subscription.Group is not null)
        {
            // Every change, because the number of members counts in the choice.
            Announce(LinkItemKind.RouteAdded, subscription, CountShared(subscription));
        }
        else if (IsOnly(subscription) || (subscription.IsDurable && AllOf(subscription.Filter)?.Exists(other => other != subscription && IsPlainAndDurable(other)) != true))
        {
            Announce(LinkItemKind.RouteAdded, subscription, subscription.IsDurable ? 1 : 0);
        }
    }

    private void AnnounceRemoved(Subscription subscription)
    {
        if (_listeners.Length == 0)
        {
            return;
        }

        if (subscription.Group is null)
        {
            var left = AllOf(subscription.Filter);
            if (left?.Exists(other => other.Group is null) != true)
            {
                Announce(LinkItemKind.RouteRemoved, subscription, 0);
            }
            else if (subscription.IsDurable && !left.Exists(IsPlainAndDurable))
            {
                Announce(LinkItemKind.RouteAdded, subscription, 0);
            }

            return;
        }

        var members = CountShared(subscription);
        Announce(members > 0 ? LinkItemKind.RouteAdded : LinkItemKind.RouteRemoved, subscription, members);
    }

    private void Announce(LinkItemKind kind, Subscription subscription, int members)
    {
        foreach (var peer in _listeners)
        {
            LinkItem.AppendRoute(peer.Control, kind, subscription.Record.Filter, members);
            peer.PumpSoon();
        }
    }

    private static bool IsPlainAndDurable(Subscription subscription) => subscription.Group is null && subscription.IsDurable;

    private bool IsOnly(Subscription subscription) =>
        AllOf(subscription.Filter)?.Exists(other => other.Group is null && other != subscription) != true;

    private int CountShared(Subscription subscription) =>
        AllOf(subscription.Filter)?.Count(other => other.Group is not null && other.Record.Filter == subscription.Record.Filter) ?? 0;

    private List<Subscription>? AllOf(byte[] filter) => IsWildcard(filter) ? _wildcards.Get(filter) : _exact.GetValueOrDefault(filter);
}
