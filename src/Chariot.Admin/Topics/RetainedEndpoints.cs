using System.Text;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Topics;
using Chariot.Admin.Accounts;
using Chariot.Admin.Audit;
using Chariot.Admin.Http;
using Chariot.Admin.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Chariot.Admin.Topics;

/// <summary>Retained messages; every silo holds all of them, so one is asked.</summary>
internal sealed class RetainedMessages(NodeDirectory nodes, AuditTrail audit)
{
    private static readonly Refusal NoNode = new(503, "node-unreachable", "No node is there to ask. Try again.") { RetryAfter = TimeSpan.FromSeconds(5) };

    public async Task<Act<Page<RetainedDescription>>> ListAsync(string filter, PageRequest page)
    {
        if (filter.StartsWith("$share/", StringComparison.Ordinal) || !TopicFilter.IsValidFilter(filter, ushort.MaxValue, ushort.MaxValue))
        {
            return Refusal.Invalid("The filter is refused.", [Findings.Error("filter.invalid", "filter", "This is no topic filter.")]);
        }

        if (nodes.AnyLink() is not { } link)
        {
            return NoNode;
        }

        var rows = await link.GetRetainedAsync(filter, page.After, page.Limit + 1);
        return Act<Page<RetainedDescription>>.Done(page.Cut(rows, r => r.Topic, r => r));
    }

    public async Task<Act<bool>> DeleteAsync(string topic, Actor actor)
    {
        if (!TopicFilter.IsValidTopicName(Encoding.UTF8.GetBytes(topic), ushort.MaxValue, ushort.MaxValue))
        {
            return Refusal.NotFound("This is no topic name.");
        }

        if (nodes.AnyLink() is not { } link)
        {
            return NoNode;
        }

        return await audit.RecordAsync<bool>(actor, "retained.delete", topic, null, null, async () =>
            await link.DeleteRetainedAsync(topic) ? Act<bool>.Done(true) : Refusal.NotFound("There is no retained message on this topic."));
    }
}

internal static class RetainedEndpoints
{
    /// <summary>Payload bytes shown; a page of large payloads would not fit a browser.</summary>
    private const int ShownPayload = 4096;

    public static void MapRetained(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/topics/retained", ListAsync).RequireAuthorization(Roles.Read);
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
            p => new Page<RetainedView>([.. p.Items.Select(RetainedView.From)], p.NextCursor));
    }

    /// <param name="Payload">Base64 of the first 4096 bytes.</param>
    /// <param name="PayloadLength">Bytes of the whole payload.</param>
    private sealed record RetainedView(string Topic, int Qos, string Payload, int PayloadLength, DateTimeOffset PublishedAt)
    {
        public static RetainedView From(RetainedDescription message) => new(
            message.Topic,
            (int)message.Qos,
            Convert.ToBase64String(message.Payload.AsSpan(0, Math.Min(ShownPayload, message.Payload.Length))),
            message.Payload.Length,
            message.PublishedAt);
    }
}
