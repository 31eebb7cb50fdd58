using Chariot.Abstractions.Configuration;
using Chariot.Admin.Accounts;
using Chariot.Admin.Http;
using Chariot.Admin.Ssl;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;

namespace Chariot.Admin.Backup;

/// <summary>Saving and restoring what is configured, and confirming a certificate that an old store brought back.</summary>
internal static class BackupEndpoints
{
    /// <summary>What the file lacks of what is configured: names, separated by commas.</summary>
    public const string LacksHeader = "Chariot-Backup-Lacks";

    /// <summary>Room for boundaries, part headers and the passphrase.</summary>
    private const int Overhead = 16 * 1024;

    public static void MapBackup(this IEndpointRouteBuilder routes)
    {
        var change = routes.MapGroup("").RequireAuthorization(Roles.Change);
        change.MapPost("/backup", BackUpAsync).Produces<byte[]>(contentType: BackupFile.ContentType);
        change.MapPost("/restore", RestoreAsync).Accepts<MultipartBody>("multipart/form-data").Produces<RestoreView>()
            .WithMetadata(new BodyLimit(BackupFile.MaximumSize + Overhead));
        change.MapPost("/ssl/confirm", async (ConfirmBody body, HttpContext context, SslConfirmation ssl) =>
            Answers.Ok(await ssl.ConfirmAsync(body.Sha256Fingerprint, context.Actor()), SslView.From, status => status.Revision)).Produces<SslView>();
    }

    private static async Task<IResult> BackUpAsync(BackupBody body, HttpContext context, BackupExport export)
    {
        using var passphrase = Passphrase.From(body.Passphrase);
        var exposed = SslUpload.IsExposed(context.Request.IsHttps, context.Connection.RemoteIpAddress);
        var act = await export.CreateAsync(passphrase, body.IncludeKey ?? false, exposed, context.Actor(), context.RequestAborted);
        if (act.Refusal is { } refusal)
        {
            return new Problem(refusal);
        }

        context.Response.Headers[LacksHeader] = string.Join(",", act.Value.Lacks);
        return Results.File(act.Value.File, BackupFile.ContentType, act.Value.FileName);
    }

    private static async Task<IResult> RestoreAsync(
        bool? replace, bool? confirmKey, bool? withoutKey, bool? dryRun, HttpContext context, BackupRestore restore)
    {
        var upload = await BackupUpload.ReadAsync(context.Request, context.RequestAborted);
        if (upload.Refusal is { } refusal)
        {
            return new Problem(refusal);
        }

        using var backup = upload.Value;
        var act = await restore.RestoreAsync(
            backup.File,
            backup.Passphrase,
            new RestoreOptions(replace ?? false, confirmKey ?? false, withoutKey ?? false, dryRun ?? false),
            SslUpload.IsExposed(context.Request.IsHttps, context.Connection.RemoteIpAddress),
            context.Request.IsHttps,
            context.Actor(),
            context.RequestAborted);
        return Answers.Ok(act, report => RestoreView.From(report, dryRun ?? false, NodeView.From(act.Nodes)), report => report.Revision);
    }

    private sealed record BackupBody(string? Passphrase = null, bool? IncludeKey = null)
    {
        /// <summary>Never shows the passphrase.</summary>
        public override string ToString() => "backup request";
    }

    private sealed record ConfirmBody(string Sha256Fingerprint);

    /// <summary>For the OpenAPI document; the body is read part by part: file, passphrase.</summary>
    private sealed record MultipartBody;

    private sealed record BodyLimit(long Bytes) : IRequestSizeLimitMetadata
    {
        public long? MaxRequestBodySize => Bytes;
    }

    private sealed record RestoreView(
        bool DryRun,
        long Revision,
        SavedView Backup,
        int Credentials,
        int RemovedCredentials,
        int Accounts,
        string Ssl,
        CertificateDetails? Certificate,
        IReadOnlyList<Finding> Findings,
        IReadOnlyList<NodeView> Nodes)
    {
        public static RestoreView From(RestoreReport report, bool dryRun, IReadOnlyList<NodeView> nodes) => new(
            dryRun,
            report.Revision,
            new SavedView(report.CreatedAt, report.CreatedBy, report.SavedRevision),
            report.Credentials,
            report.RemovedCredentials,
            report.Accounts,
            report.Ssl,
            report.Certificate,
            report.Findings,
            nodes);
    }

    private sealed record SavedView(DateTimeOffset CreatedAt, string CreatedBy, long Revision);
}
