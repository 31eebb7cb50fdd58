using Chariot.Abstractions.Edges;
using Chariot.Admin.Accounts;
using Chariot.Admin.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Chariot.Admin.Topics;

internal static class RetainedEndpoints
{
    /// <summary>Payload bytes shown in lists; a page of large payloads would not fit a browser.</summary>
    private const int ShownPayload = 4096;

    public static void MapRetained(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/topics/retained", ListAsync).RequireAuthorization(Roles.Read);
        routes.MapGet("/topics/retained/{**topic}", async (HttpContext context, RetainedMessages retained) =>
            Answers.Ok(await retained.FindAsync(context.NameBehind("/topics/retained/")), message => RetainedView.From(message, int.MaxValue))).RequireAuthorization(Roles.Read);
        routes.MapGet("/topics/levels", LevelsAsync).RequireAuthorization(Roles.Read);
        routes.MapDelete("/topics/retained/{**topic}", async (HttpContext context, RetainedMessages retained) =>
            Answers.NoContent(await retained.DeleteAsync(context.NameBehind("/topics/retained/"), context.Actor()))).RequireAuthorization(Roles.Change);
    }

    private static async Task<IResult> ListAsync(string? filter, int? limit, string? cursor, RetainedMessages retained)
    {
        var page = PageRequest.Read(limit, cursor);
        if (page.Refusal is { } refusal)
        {
            return new Problem(refusal);
        }

        return Answers.Ok(
            await retained.ListAsync(string.IsNullOrEmpty(filter) ? "#" : filter, page.Value),
            p => new Page<RetainedView>([.. p.Items.Select(m => RetainedView.From(m, ShownPayload))], p.NextCursor));
    }

    /// <summary>Levels directly below the topic <c>?under=</c>; without it the first ones.</summary>
    private static async Task<IResult> LevelsAsync(string? under, int? limit, string? cursor, RetainedMessages retained)
    {
        var page = PageRequest.Read(limit, cursor);
        return page.Refusal is { } refusal ? new Problem(refusal) : Answers.Ok(await retained.LevelsAsync(under, page.Value), levels => levels);
    }

    /// <param name="Payload">Base64; in lists of the first 4096 bytes.</param>
    /// <param name="PayloadLength">Bytes of the whole payload.</param>
    private sealed record RetainedView(string Topic, int Qos, string Payload, int PayloadLength, DateTimeOffset PublishedAt)
    {
        public static RetainedView From(RetainedDescription message, int shown) => new(
            message.Topic,
            (int)message.Qos,
            Convert.ToBase64String(message.Payload.AsSpan(0, Math.Min(shown, message.Payload.Length))),
            message.Payload.Length,
            message.PublishedAt);
    }
}
