using Chariot.Admin.Accounts;
using Chariot.Admin.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace Chariot.Admin.Nodes;

internal static class NodeEndpoints
{
    public static void MapNodes(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/nodes", async (NodeDirectory nodes) => Page<NodeDescriptionView>.Whole([.. (await nodes.DescribeAsync()).Select(NodeDescriptionView.From)]))
            .RequireAuthorization(Roles.Read);
        routes.MapGet("/nodes/traffic", (NodeHistory history) => Page<NodeTraffic>.Whole([.. history.Nodes.Select(n => new NodeTraffic(n.Node, n.Status, n.SeenAt, n.Samples))]))
            .RequireAuthorization(Roles.Read);
    }

    /// <param name="Samples">Of the last five minutes, oldest first.</param>
    private sealed record NodeTraffic(string Node, NodeStatus Status, DateTimeOffset SeenAt, IReadOnlyList<NodeSample> Samples);

    /// <param name="Status">active, or absent when the silo does not answer.</param>
    private sealed record NodeDescriptionView(
        string Node,
        string Silo,
        string Status,
        string? Error,
        long Revision,
        IReadOnlyList<string> Reasons,
        string? ServedFingerprint,
        string? ProbedFingerprint,
        IReadOnlyList<string> Listeners,
        int Connections,
        int Sessions,
        long MessagesReceived,
        long MessagesDelivered,
        long MessagesDropped,
        long RetainedMessages,
        long BytesReceived,
        long BytesSent)
    {
        public static NodeDescriptionView From(NodeAnswer answer) => answer.Description is { } node
            ? new(
                node.Node,
                answer.Silo,
                "active",
                null,
                node.Revision,
                node.Reasons,
                node.ServedFingerprint,
                node.ProbedFingerprint,
                node.Listeners,
                node.Connections,
                node.Sessions,
                node.MessagesReceived,
                node.MessagesDelivered,
                node.MessagesDropped,
                node.RetainedMessages,
                node.BytesReceived,
                node.BytesSent)
            : new(answer.Silo, answer.Silo, "absent", answer.Error, 0, [], null, null, [], 0, 0, 0, 0, 0, 0, 0, 0);
    }
}
