using Chariot.Abstractions.Configuration;

namespace Chariot.Admin.Ssl;

/// <summary>The body of <c>GET /ssl</c> and of the calls that set SSL up.</summary>
internal sealed record SslView(
    string State,
    long Revision,
    SslFilesView<FileView> Files,
    SslFilesView<StagedView> Staged,
    CertificateDetails? Certificate,
    IReadOnlyList<CertificateDetails> Chain,
    IReadOnlyList<Finding> Findings,
    IReadOnlyList<SslNodeView> Nodes)
{
    public static SslView From(SslStatus status) => new(
        status.State.ToString(),
        status.Revision,
        SslFilesView<FileView>.From(slot => status.Files.TryGetValue(slot, out var file) ? new FileView(file.FileName, file.UploadedAt) : null),
        SslFilesView<StagedView>.From(slot => status.Staged.TryGetValue(slot, out var staged) ? StagedView.From(new StagedFile(slot, staged)) : null),
        status.Certificate,
        status.Chain,
        status.Findings,
        [.. status.Nodes.Select(n => new SslNodeView(n.Node, n.Revision, n.ServedFingerprint, n.ProbedFingerprint, n.Active ? "active" : "absent", n.Active, n.Error))]);
}

internal sealed record SslFilesView<T>(T? PrivateKey, T? ServerCertificate, T? CaChain)
    where T : class
{
    public static SslFilesView<T> From(Func<SslFile, T?> find) => new(find(SslFile.PrivateKey), find(SslFile.ServerCertificate), find(SslFile.CaChain));
}

internal sealed record FileView(string FileName, DateTimeOffset UploadedAt);

/// <param name="ExpiresAt">Null for a key that was generated on the server: it waits for its certificate.</param>
internal sealed record StagedView(string FileName, DateTimeOffset UploadedAt, DateTimeOffset? ExpiresAt, string Recognised, IReadOnlyList<Finding> Findings)
{
    public static StagedView From(StagedFile file) =>
        new(file.Staged.Label.FileName, file.Staged.Label.UploadedAt, file.Staged.GeneratedKeyId is null ? file.Staged.ExpiresAt : null, file.Staged.Recognised, file.Staged.Findings);
}

/// <param name="ProbedFingerprint">What the node's own port showed in its last handshake; null in the answers to changes.</param>
internal sealed record SslNodeView(string Node, long Revision, string? ServedFingerprint, string? ProbedFingerprint, string Status, bool Applied, string? Error);
