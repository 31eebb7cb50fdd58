using System.Text;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Topics;
using Chariot.Admin.Audit;
using Chariot.Admin.Http;
using Chariot.Admin.Nodes;

namespace Chariot.Admin.Topics;

/// <summary>Retained messages; every silo holds all of them, so one is asked.</summary>
internal sealed class RetainedMessages(NodeDirectory nodes, AuditTrail audit)
{
    private static readonly Refusal NoNode = new(503, "node-unreachable", "No node is there to ask. Try again.") { RetryAfter = TimeSpan.FromSeconds(5) };

    private static readonly Refusal NotATopic = Refusal.NotFound("This is no topic name.");

    private static readonly Refusal NoMessage = Refusal.NotFound("There is no retained message on this topic.");

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

    /// <summary>
    /// Topic levels directly below <paramref name="under"/>; null for the first ones. The key of a level is a slash and its
    /// name, since a name may be empty.
    /// </summary>
    public async Task<Act<Page<RetainedLevel>>> LevelsAsync(string? under, PageRequest page)
    {
        if (nodes.AnyLink() is not { } link)
        {
            return NoNode;
        }

        var rows = await link.GetRetainedLevelsAsync(under, page.After?[1..], page.Limit + 1);
        return Act<Page<RetainedLevel>>.Done(page.Cut(rows, LevelKey, r => r));
    }

    public static string LevelKey(RetainedLevel level) => "/" + level.Name;

    public async Task<Act<RetainedDescription>> FindAsync(string topic)
    {
        if (!IsTopicName(topic))
        {
            return NotATopic;
        }

        if (nodes.AnyLink() is not { } link)
        {
            return NoNode;
        }

        var found = await link.GetRetainedAsync(topic, null, 1);
        return found.IsEmpty ? NoMessage : Act<RetainedDescription>.Done(found[0]);
    }

    public async Task<Act<bool>> DeleteAsync(string topic, Actor actor)
    {
        if (!IsTopicName(topic))
        {
            return NotATopic;
        }

        if (nodes.AnyLink() is not { } link)
        {
            return NoNode;
        }

        return await audit.RecordAsync<bool>(actor, "retained.delete", topic, null, null, async () =>
            await link.DeleteRetainedAsync(topic) ? Act<bool>.Done(true) : NoMessage);
    }

    private static bool IsTopicName(string topic) => TopicFilter.IsValidTopicName(Encoding.UTF8.GetBytes(topic), ushort.MaxValue, ushort.MaxValue);
}
