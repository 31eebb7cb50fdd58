using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Http;
using Chariot.Admin.Ssl.Validation;

namespace Chariot.Admin.ClientCertificates;

/// <summary>The body of <c>GET /client-ca</c>: what is trusted, and what is known of it being withdrawn.</summary>
internal sealed record ClientAuthoritiesView(
    ClientFileView? File,
    IReadOnlyList<CertificateDetails> Certificates,
    IReadOnlyList<Finding> Findings,
    IReadOnlyList<RevocationListView> Crls,
    int Revoked,
    long Revision,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<NodeView>? Nodes)
{
    public static ClientAuthoritiesView From(ClientTrust trust, DateTimeOffset now, IReadOnlyList<NodeView>? nodes = null) => new(
        trust.Authorities is { } authorities ? ClientFileView.From(authorities.File) : null,
        trust.Authorities?.Details ?? [],
        trust.Authorities?.Findings ?? [],
        [.. trust.RevocationLists.Select(list => RevocationListView.From(list, now))],
        SerialNumbers.Count(trust.RevokedSerials),
        trust.Revision,
        nodes);
}

internal sealed record ClientFileView(string FileName, DateTimeOffset UploadedAt)
{
    public static ClientFileView From(SslFileLabel label) => new(label.FileName, label.UploadedAt);
}

/// <param name="IssuerSha256">SHA-256 of the CA certificate that it was uploaded for.</param>
/// <param name="Number">CRL number, hex.</param>
/// <param name="Entries">Certificates that it revokes.</param>
internal sealed record RevocationListView(
    string Issuer,
    string IssuerSha256,
    string? Number,
    DateTimeOffset ThisUpdate,
    DateTimeOffset? NextUpdate,
    int Entries,
    string Sha256,
    ClientFileView File,
    IReadOnlyList<Finding> Findings,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<NodeView>? Nodes)
{
    private const string Overdue = "crl.expired";

    public static RevocationListView From(RevocationList list, DateTimeOffset now, IReadOnlyList<NodeView>? nodes = null) => new(
        list.Issuer,
        list.IssuerSha256,
        list.Number,
        list.ThisUpdate,
        list.NextUpdate,
        SerialNumbers.Count(list.Serials),
        list.Sha256,
        ClientFileView.From(list.File),
        FindingsNow(list, now),
        nodes);

    /// <summary>Those of the upload, and whether its successor is overdue now.</summary>
    private static ImmutableArray<Finding> FindingsNow(RevocationList list, DateTimeOffset now)
    {
        var lasting = list.Findings.RemoveAll(finding => finding.Code == Overdue);
        return list.NextUpdate is { } next && next < now
            ? lasting.Insert(0, new Finding(Overdue, FindingSeverity.Warning, $"The list's successor was due on {FindingList.Date(next)}; what it revokes is enforced, what was revoked since is not known.")
            {
                File = RevocationListFile.Name,
                Remedy = "Upload the CA's current list.",
            })
            : lasting;
    }
}

/// <param name="SerialNumbers">Those that the call is about, lower-case hex.</param>
/// <param name="Revoked">How many are on the list.</param>
internal sealed record RevokedView(
    IReadOnlyList<string> SerialNumbers,
    int Revoked,
    long Revision,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<NodeView>? Nodes)
{
    public static RevokedView From(IEnumerable<byte[]> serials, ClientTrust trust, IReadOnlyList<NodeView>? nodes = null) => new(
        [.. serials.Select(serial => Abstractions.Configuration.SerialNumbers.Format(serial))],
        Abstractions.Configuration.SerialNumbers.Count(trust.RevokedSerials),
        trust.Revision,
        nodes);
}
