using System.Globalization;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Accounts;
using Chariot.Admin.Http;
using Chariot.Admin.Ssl;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;

namespace Chariot.Admin.ClientCertificates;

/// <summary>Which CAs' client certificates are accepted, which of them are revoked, and whose they are.</summary>
internal static class ClientTrustEndpoints
{
    /// <summary>Room for boundaries and part headers.</summary>
    private const int Overhead = 16 * 1024;

    public static void MapClientCertificates(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("").RequireAuthorization(Roles.Read);
        read.MapGet("/client-ca", async (ClientTrustAdministration trust, TimeProvider time) =>
            Answers.Ok(Act<ClientTrust>.Done(await trust.GetAsync()), t => ClientAuthoritiesView.From(t, time.GetUtcNow()), t => t.Revision)).Produces<ClientAuthoritiesView>();
        read.MapGet("/client-ca/crls", async (ClientTrustAdministration trust, TimeProvider time) =>
            Results.Ok(Page<RevocationListView>.Whole([.. (await trust.GetAsync()).RevocationLists.Select(list => RevocationListView.From(list, time.GetUtcNow()))])))
            .Produces<Page<RevocationListView>>();
        read.MapGet("/client-ca/crls/{issuer}", GetListAsync).Produces<RevocationListView>();
        read.MapGet("/client-ca/revoked", ListRevokedAsync).Produces<Page<string>>();
        read.MapGet("/client-ca/revoked/{serial}", GetRevokedAsync).Produces<RevokedView>();
        read.MapGet("/client-certificates/mapping", async (ClientTrustAdministration trust) =>
            Answers.Ok(Act<ClientTrust>.Done(await trust.GetAsync()), t => t.Mappings.Select(MappingRequest.From).ToList(), t => t.Revision)).Produces<IReadOnlyList<MappingRequest>>();

        var change = routes.MapGroup("").RequireAuthorization(Roles.Change);
        change.MapPut("/client-ca", PutAuthoritiesAsync).Accepts<MultipartBody>("multipart/form-data").Produces<ClientAuthoritiesView>();
        change.MapDelete("/client-ca", async (HttpContext context, ClientTrustAdministration trust) =>
            Answers.NoContent(await trust.DeleteAuthoritiesAsync(context.Request.ExpectedRevision(), context.Actor())));
        change.MapPut("/client-ca/crls/{issuer}", PutListAsync).Accepts<MultipartBody>("multipart/form-data").Produces<RevocationListView>()
            .WithMetadata(new BodyLimit(RevocationListFile.MaximumSize + Overhead));
        change.MapDelete("/client-ca/crls/{issuer}", async (string issuer, HttpContext context, ClientTrustAdministration trust) =>
            Answers.NoContent(await trust.DeleteListAsync(Fingerprint(issuer), context.Request.ExpectedRevision(), context.Actor())));
        change.MapPost("/client-ca/revoked", RevokeManyAsync).Produces<RevokedView>();
        change.MapPost("/client-ca/revoked/{serial}", RevokeOneAsync).Produces<RevokedView>();
        change.MapDelete("/client-ca/revoked/{serial}", async (string serial, HttpContext context, ClientTrustAdministration trust) =>
            SerialNumbers.TryParse(serial, out var bytes)
                ? Answers.NoContent(await trust.TakeBackAsync(bytes, context.Request.ExpectedRevision(), context.Actor()))
                : new Problem(NoSerial("serial")));
        change.MapPut("/client-certificates/mapping", PutMappingsAsync).Produces<MappingsView>();
    }

    private static async Task<IResult> PutAuthoritiesAsync(HttpContext context, ClientTrustAdministration trust, TimeProvider time)
    {
        var upload = await SslUpload.ReadOtherAsync(context.Request, AuthorityFile.Name, AuthorityFile.MaximumSize, context.RequestAborted);
        if (upload.Refusal is { } refusal)
        {
            return new Problem(refusal);
        }

        using var file = upload.Value;
        var act = await trust.PutAuthoritiesAsync(file, context.Request.ExpectedRevision(), context.Actor());
        return Answers.Ok(act, t => ClientAuthoritiesView.From(t, time.GetUtcNow(), NodeView.From(act.Nodes)), t => t.Revision);
    }

    private static async Task<IResult> GetListAsync(string issuer, ClientTrustAdministration trust, TimeProvider time)
    {
        var current = await trust.GetAsync();
        return ClientTrustAdministration.FindList(current, Fingerprint(issuer)) is { } list
            ? Answers.Ok(Act<RevocationList>.Done(list), l => RevocationListView.From(l, time.GetUtcNow()), _ => current.Revision)
            : new Problem(Refusal.NotFound("There is no revocation list of this CA."));
    }

    private static async Task<IResult> PutListAsync(string issuer, HttpContext context, ClientTrustAdministration trust, TimeProvider time)
    {
        var upload = await SslUpload.ReadOtherAsync(context.Request, RevocationListFile.Name, RevocationListFile.MaximumSize, context.RequestAborted);
        if (upload.Refusal is { } refusal)
        {
            return new Problem(refusal);
        }

        using var file = upload.Value;
        var act = await trust.PutListAsync(Fingerprint(issuer), file, context.Request.ExpectedRevision(), context.Actor());
        return Answers.Ok(act, t => RevocationListView.From(ClientTrustAdministration.FindList(t, Fingerprint(issuer))!, time.GetUtcNow(), NodeView.From(act.Nodes)), t => t.Revision);
    }

    private static async Task<IResult> ListRevokedAsync(int? limit, string? cursor, ClientTrustAdministration trust)
    {
        var page = PageRequest.Read(limit, cursor);
        if (page.Refusal is { } refusal)
        {
            return new Problem(refusal);
        }

        var rows = SerialNumbers.Unpack((await trust.GetAsync()).RevokedSerials).Select(serial => SerialNumbers.Format(serial)).Order(StringComparer.Ordinal)
            .Where(serial => page.Value.After is not { } after || string.CompareOrdinal(serial, after) > 0)
            .Take(page.Value.Limit + 1)
            .ToList();
        return Results.Ok(page.Value.Cut(rows, serial => serial, serial => serial));
    }

    private static async Task<IResult> GetRevokedAsync(string serial, ClientTrustAdministration trust)
    {
        if (!SerialNumbers.TryParse(serial, out var bytes))
        {
            return new Problem(NoSerial("serial"));
        }

        var current = await trust.GetAsync();
        return SerialNumbers.Contains(current.RevokedSerials, bytes)
            ? Answers.Ok(Act<ClientTrust>.Done(current), t => RevokedView.From([bytes], t), t => t.Revision)
            : new Problem(Refusal.NotFound("This serial number is not on the list."));
    }

    private static async Task<IResult> RevokeOneAsync(string serial, HttpContext context, ClientTrustAdministration trust) => SerialNumbers.TryParse(serial, out var bytes)
        ? await RevokeAsync([bytes], context, trust)
        : new Problem(NoSerial("serial"));

    private static async Task<IResult> RevokeManyAsync(RevokeBody body, HttpContext context, ClientTrustAdministration trust)
    {
        var serials = new List<byte[]>(body.SerialNumbers.Count);
        for (var i = 0; i < body.SerialNumbers.Count; i++)
        {
            if (!SerialNumbers.TryParse(body.SerialNumbers[i], out var bytes))
            {
                return new Problem(NoSerial(string.Create(CultureInfo.InvariantCulture, $"serialNumbers[{i}]")));
            }

            serials.Add(bytes);
        }

        return await RevokeAsync(serials, context, trust);
    }

    private static async Task<IResult> RevokeAsync(IReadOnlyList<byte[]> serials, HttpContext context, ClientTrustAdministration trust)
    {
        var act = await trust.RevokeAsync(serials, context.Request.ExpectedRevision(), context.Actor());
        return Answers.Ok(act, t => RevokedView.From(serials, t, NodeView.From(act.Nodes)), t => t.Revision);
    }

    private static async Task<IResult> PutMappingsAsync(IReadOnlyList<MappingRequest?> body, HttpContext context, ClientTrustAdministration trust)
    {
        var act = await trust.SetMappingsAsync(body, context.Request.ExpectedRevision(), context.Actor());
        return Answers.Ok(act, t => new MappingsView([.. t.Mappings.Select(MappingRequest.From)], t.Revision, NodeView.From(act.Nodes)), t => t.Revision);
    }

    private static string Fingerprint(string text) => text.Replace(":", "", StringComparison.Ordinal).ToLowerInvariant();

    private static Refusal NoSerial(string field) => Refusal.Invalid(
        "The serial number cannot be read.",
        [Findings.Error("serial.invalid", field, $"A serial number is 1 to {2 * SerialNumbers.MaximumLength} hex digits, as openssl x509 -serial writes it.")]);

    private sealed record RevokeBody(IReadOnlyList<string> SerialNumbers);

    private sealed record MappingsView(IReadOnlyList<MappingRequest> Items, long Revision, IReadOnlyList<NodeView> Nodes);

    /// <summary>For the OpenAPI document; the body is read part by part.</summary>
    private sealed record MultipartBody;

    private sealed record BodyLimit(long Bytes) : IRequestSizeLimitMetadata
    {
        public long? MaxRequestBodySize => Bytes;
    }
}
