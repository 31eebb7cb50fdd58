using Chariot.Abstractions.Edges;
using Chariot.Admin.Accounts;
using Chariot.Admin.Audit;
using Chariot.Admin.Http;
using Chariot.Admin.Nodes;

namespace Chariot.Admin.Clients;

/// <summary>A page of the cluster's clients, and the silos that are missing from it.</summary>
/// <param name="Total">Clients that the search meets, on whatever page.</param>
internal sealed record ClientPage(Page<ClientDescription> Page, int Total, IReadOnlyList<string> Unreachable);

/// <summary>The clients of the whole cluster, merged over its silos.</summary>
internal sealed class ClientDirectory(NodeDirectory nodes, AuditTrail audit)
{
    /// <param name="text">Part of client id, username or address; empty for all.</param>
    /// <param name="connected">Only connected clients, or only those that are away; null for both.</param>
    public async Task<ClientPage> ListAsync(PageRequest page, string text = "", bool? connected = null)
    {
        var search = new ClientSearch(text, connected, page.After, page.Limit + 1);
        var answers = await nodes.AskAllAsync(link => link.FindClientsAsync(search));
        // A client that moves may be seen twice for a moment; the higher epoch is where it is.
        var rows = answers
            .Where(a => a.Error is null)
            .SelectMany(a => a.Value!.Clients)
            .GroupBy(c => c.ClientId, StringComparer.Ordinal)
            .Select(g => g.MaxBy(c => c.Epoch)!)
            .OrderBy(c => c.ClientId, StringComparer.Ordinal)
            .Take(page.Limit + 1)
            .ToList();
        return new ClientPage(page.Cut(rows, c => c.ClientId, c => c), answers.Sum(a => a.Value?.Total ?? 0), [.. answers.Where(a => a.Error is not null).Select(a => a.Silo)]);
    }

    /// <summary>How many clients are of a kind now. Asks for all of them, page by page.</summary>
    public async Task<int> CountAsync(Func<ClientDescription, bool> isMeant)
    {
        var count = 0;
        string? after = null;
        while (true)
        {
            var rows = (await ListAsync(new PageRequest(PageRequest.MaximumLimit, after))).Page;
            count += rows.Items.Count(isMeant);
            if (rows.NextCursor is null)
            {
                return count;
            }

            after = rows.Items[^1].ClientId;
        }
    }

    public async Task<Act<ClientDescription>> FindAsync(string clientId)
    {
        var answers = await nodes.AskAllAsync(link => link.GetClientAsync(clientId));
        var found = answers.Where(a => a.Value is not null).Select(a => a.Value!).MaxBy(c => c.Epoch);
        return found is not null ? Act<ClientDescription>.Done(found) : Missing(answers);
    }

    /// <summary>Disconnects; with <paramref name="removeSession"/> the session goes too.</summary>
    public async Task<Act<bool>> DisconnectAsync(string clientId, bool removeSession, Actor actor)
    {
        var found = await FindAsync(clientId);
        if (found.Refusal is { } refusal)
        {
            return refusal;
        }

        return await audit.RecordAsync<bool>(
            actor, "client.disconnect", AccountRules.Label(clientId), new { found.Value.Node, found.Value.Connected }, new { SessionRemoved = removeSession }, async () =>
            {
                var answers = await nodes.AskAllAsync(link => link.DisconnectAsync(clientId, removeSession));
                return answers.Any(a => a.Value) ? Act<bool>.Done(true) : Missing(answers);
            });
    }

    // "Not found" is claimed only when every silo says so.
    private static Refusal Missing<T>(IEnumerable<SiloAnswer<T>> answers) => answers.Any(a => a.Error is not null)
        ? new Refusal(503, "node-unreachable", "The nodes that answer do not know this client, and a node does not answer. Try again.") { RetryAfter = TimeSpan.FromSeconds(5) }
        : Refusal.NotFound("No node knows this client.");
}
