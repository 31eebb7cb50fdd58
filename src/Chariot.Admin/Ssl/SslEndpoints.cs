using Chariot.Abstractions.Configuration;
using Chariot.Admin.Accounts;
using Chariot.Admin.Http;
using Chariot.Admin.Server;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Chariot.Admin.Ssl;

internal static class SslEndpoints
{
    public static void MapSsl(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/ssl", async (SslSetup ssl) => Answers.Ok(Act<SslStatus>.Done(await ssl.GetStatusAsync()), SslView.From, s => s.Revision))
            .RequireAuthorization(Roles.Read);

        routes.MapGet("/ssl/history", async (SslSetup ssl) => Results.Ok((await ssl.GetHistoryAsync()).Select(HistoryView.From).ToList()))
            .RequireAuthorization(Roles.Read);

        var change = routes.MapGroup("/ssl").RequireAuthorization(Roles.Change);
        MapFile(change, "private-key", SslFile.PrivateKey);
        MapFile(change, "server-certificate", SslFile.ServerCertificate);
        MapFile(change, "ca-chain", SslFile.CaChain);
        change.MapPost("/setup", async (bool? replace, HttpContext context, SslSetup ssl) =>
            Answers.Ok(await ssl.SetupStagedAsync(replace ?? false, context.Request.ExpectedRevision(), context.Actor()), SslView.From, s => s.Revision));
        change.MapPost("/key", async (KeyBody body, HttpContext context, ServerSideKey key) =>
            Answers.Created(await key.GenerateAsync(body.Bits, context.Actor()), StagedView.From, _ => "/api/v1/ssl"));
        change.MapPost("/csr", RequestCertificateAsync).Produces<string>(contentType: CertificateRequestFile.ContentType);
        change.MapPost("/validate", ValidateAsync);
        change.MapPut("", PutAsync);
        change.MapDelete("", DeleteAsync);
    }

    private static void MapFile(IEndpointRouteBuilder routes, string name, SslFile slot)
    {
        routes.MapPut("/files/" + name, async (HttpContext context, SslSetup ssl) =>
        {
            var upload = await SslUpload.ReadOneAsync(context.Request, slot, context.RequestAborted);
            if (upload.Refusal is { } refusal)
            {
                return new Problem(refusal);
            }

            using var files = upload.Value;
            return files.Find(slot) is { } file
                ? Answers.Ok(await ssl.StageAsync(slot, file, IsExposed(context), context.Actor(), files.Passphrase), StagedView.From)
                : new Problem(Refusal.Invalid("No file was sent.", [new Finding("file.missing", FindingSeverity.Error, "The upload has no part named file.") { File = SslUpload.NameOf(slot) }]));
        }).Accepts<MultipartBody>("multipart/form-data");
        routes.MapDelete("/files/" + name, async (HttpContext context, SslSetup ssl) => Answers.NoContent(await ssl.UnstageAsync(slot, context.Actor())));
    }

    private static async Task<IResult> ValidateAsync(HttpContext context, SslSetup ssl)
    {
        var upload = await SslUpload.ReadAllAsync(context.Request, context.RequestAborted);
        if (upload.Refusal is { } refusal)
        {
            return new Problem(refusal);
        }

        using var files = upload.Value;
        return Answers.Ok(await ssl.ValidateAsync(files, IsExposed(context)), findings => new { Findings = findings });
    }

    /// <summary>
    /// PEM, with the codes of warnings in a header; as JSON with the whole findings when the caller names application/json.
    /// </summary>
    private static async Task<IResult> RequestCertificateAsync(CsrBody body, HttpContext context, ServerSideKey key)
    {
        var act = await key.CreateRequestAsync(body.ToRequest(), context.Actor());
        if (act.Refusal is { } refusal)
        {
            return new Problem(refusal);
        }

        var file = act.Value;
        if (context.Request.GetTypedHeaders().Accept.Any(type => type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)))
        {
            return Results.Ok(new { Csr = file.Pem, file.Findings });
        }

        if (!file.Findings.IsEmpty)
        {
            context.Response.Headers["Chariot-Findings"] = string.Join(", ", file.Findings.Select(finding => finding.Code));
        }

        return Results.Text(file.Pem, CertificateRequestFile.ContentType);
    }

    private static async Task<IResult> PutAsync(HttpContext context, SslSetup ssl)
    {
        var upload = await SslUpload.ReadAllAsync(context.Request, context.RequestAborted);
        if (upload.Refusal is { } refusal)
        {
            return new Problem(refusal);
        }

        using var files = upload.Value;
        return Answers.Ok(
            await ssl.PutAsync(files, IsExposed(context), context.Request.ExpectedRevision(), context.Actor()), SslView.From, s => s.Revision);
    }

    private static async Task<IResult> DeleteAsync(HttpContext context, SslSetup ssl, AnswersInFlight answers)
    {
        // The answer may travel over the HTTPS connection that the change is about to close.
        answers.Hold(context);
        return Answers.NoContent(await ssl.DeleteAsync(context.Request.ExpectedRevision(), context.Actor()));
    }

    private static bool IsExposed(HttpContext context) => SslUpload.IsExposed(context.Request.IsHttps, context.Connection.RemoteIpAddress);

    private sealed record KeyBody(int Bits);

    private sealed record CsrBody(SubjectBody? Subject = null, IReadOnlyList<string>? DnsNames = null, IReadOnlyList<string>? IpAddresses = null)
    {
        public CertificateNames ToRequest() => new(
            Subject?.Cn, Subject?.O, Subject?.Ou, Subject?.L, Subject?.St, Subject?.C, DnsNames ?? [], IpAddresses ?? []);
    }

    private sealed record SubjectBody(string? Cn = null, string? O = null, string? Ou = null, string? L = null, string? St = null, string? C = null);

    private sealed record HistoryView(
        string SetupId,
        long Revision,
        string Subject,
        string SerialNumber,
        string Sha256Fingerprint,
        DateTimeOffset NotBefore,
        DateTimeOffset NotAfter,
        DateTimeOffset SetUpAt,
        string? SetUpBy,
        DateTimeOffset? RemovedAt,
        SslRemoval? Removal)
    {
        public static HistoryView From(SslSetupRecord record) => new(
            record.SetupId,
            record.Revision,
            record.Subject,
            record.SerialNumber,
            record.Sha256Fingerprint,
            record.NotBefore,
            record.NotAfter,
            record.SetUpAt,
            record.SetUpBy,
            record.RemovedAt,
            record.Removal);
    }

    /// <summary>For the OpenAPI document; the body is read part by part.</summary>
    private sealed record MultipartBody;
}
