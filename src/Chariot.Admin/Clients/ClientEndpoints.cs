using Chariot.Abstractions.Edges;
using Chariot.Admin.Accounts;
using Chariot.Admin.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Chariot.Admin.Clients;

internal static class ClientEndpoints
{
    public static void MapClients(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/clients").RequireAuthorization(Roles.Read);
        read.MapGet("", ListAsync);
        read.MapGet("/{clientId}", async (HttpContext context, ClientDirectory clients) => Answers.Ok(await clients.FindAsync(context.LastName()), ClientView.From));

        routes.MapDelete("/clients/{clientId}", async (HttpContext context, bool? session, ClientDirectory clients) =>
            Answers.NoContent(await clients.DisconnectAsync(context.LastName(), session ?? false, context.Actor()))).RequireAuthorization(Roles.Change);
    }

    private static async Task<IResult> ListAsync(int? limit, string? cursor, string? search, bool? connected, ClientDirectory clients)
    {
        var page = PageRequest.Read(limit, cursor);
        if (page.Refusal is { } refusal)
        {
            return new Problem(refusal);
        }

        var found = await clients.ListAsync(page.Value, search ?? "", connected);
        return Results.Ok(new { Items = found.Page.Items.Select(ClientView.From), found.Page.NextCursor, found.Total, found.Unreachable });
    }

    private sealed record ClientView(
        string ClientId,
        string? Username,
        bool Anonymous,
        string Node,
        string? Address,
        string? Protocol,
        bool Tls,
        bool Connected,
        DateTimeOffset? ConnectedAt,
        DateTimeOffset? DisconnectedAt,
        bool CleanStart,
        uint ExpirySeconds,
        WillView? Will,
        long Epoch,
        IEnumerable<SubscriptionView> Subscriptions,
        long Queued,
        int Inflight,
        ClientCertificateDescription? Certificate)
    {
        public static ClientView From(ClientDescription client) => new(
            client.ClientId,
            client.Username,
            client.Anonymous,
            client.Node,
            client.Address,
            client.Protocol,
            client.Tls,
            client.Connected,
            client.ConnectedAt,
            client.DisconnectedAt,
            client.CleanStart,
            client.ExpirySeconds,
            client.Will is { } will ? new WillView(will.Topic, (int)will.Qos, will.Retain, will.PayloadLength, will.DelaySeconds) : null,
            client.Epoch,
            client.Subscriptions.Select(s => new SubscriptionView(s.Filter, (int)s.Qos, s.State)),
            client.Queued,
            client.Inflight,
            client.Certificate);
    }

    private sealed record WillView(string Topic, int Qos, bool Retain, int PayloadLength, uint DelaySeconds);

    private sealed record SubscriptionView(string Filter, int Qos, string State);
}
