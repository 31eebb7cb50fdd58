using System.Text;
using Chariot.Abstractions.Edges;

namespace Chariot.Edge.Retained;

/// <summary>The tree of topic levels, for those who browse it.</summary>
internal sealed partial class RetainedMessages
{
    /// <summary>Levels directly below <paramref name="topic"/>, or the first ones for null; in no order.</summary>
    public List<RetainedLevel> LevelsBelow(byte[]? topic)
    {
        lock (_gate)
        {
            var node = topic is null ? _root : Find(topic);
            return [.. (node?.Children?.Values ?? Enumerable.Empty<Node>()).Select(child => new RetainedLevel(Encoding.UTF8.GetString(child.Level), child.Message is not null, child.Children?.Count ?? 0))];
        }
    }
}
