using System.Collections.Immutable;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Admin.Nodes;

namespace Chariot.Admin.Ssl;

internal enum SslState
{
    NotSetup,
    Staged,
    Setup,
}

/// <summary>What is known of SSL in the cluster: <c>GET /ssl</c>. Never a key, nor sealed bytes of one.</summary>
internal sealed record SslStatus
{
    public required SslState State { get; init; }
    public required long Revision { get; init; }
    public required IReadOnlyDictionary<SslFile, SslFileLabel> Files { get; init; }
    public required IReadOnlyDictionary<SslFile, StagedSslFile> Staged { get; init; }
    public CertificateDetails? Certificate { get; init; }
    public ImmutableArray<CertificateDetails> Chain { get; init; } = [];
    public ImmutableArray<Finding> Findings { get; init; } = [];
    public ImmutableArray<SslNode> Nodes { get; init; } = [];
}

/// <param name="Active">Whether the node serves the configuration; false when it is gone or does not answer.</param>
internal sealed record SslNode(string Node, long Revision, string? ServedFingerprint, string? ProbedFingerprint, bool Active, string? Error)
{
    public static SslNode From(NodeResult result) => new(result.Node, result.Revision, result.ServedFingerprint, null, result.Applied, result.Error);

    public static SslNode From(NodeAnswer answer) => answer.Description is { } node
        ? new(node.Node, node.Revision, node.ServedFingerprint, node.ProbedFingerprint, Active: true, Error: null)
        : new(answer.Silo, 0, null, null, Active: false, answer.Error);
}
