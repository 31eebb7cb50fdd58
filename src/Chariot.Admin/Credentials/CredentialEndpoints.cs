using System.Text.Json.Serialization;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Accounts;
using Chariot.Admin.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Chariot.Admin.Credentials;

internal static class CredentialEndpoints
{
    public static void MapCredentials(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/credentials").RequireAuthorization(Roles.Read);
        read.MapGet("", ListAsync);
        read.MapGet("/{username}", async (HttpContext context, CredentialAdministration credentials) =>
            Answers.Ok(await credentials.FindAsync(context.LastName()), c => CredentialView.From(c), c => c.Revision));

        var change = routes.MapGroup("/credentials").RequireAuthorization(Roles.Change);
        change.MapPost("", CreateAsync);
        change.MapPut("/{username}", ReplaceAsync);
        change.MapDelete("/{username}", async (HttpContext context, CredentialAdministration credentials) =>
            Answers.NoContent(await credentials.DeleteAsync(context.LastName(), context.Request.ExpectedRevision(), context.Actor())));

        // A question, though it has a body.
        routes.MapPost("/acl/explain", async (ExplainRequest body, AclExplain explain) => Answers.Ok(
            await explain.ExplainAsync(body.Username, body.Anonymous ?? false, body.ClientId ?? "", body.Action, body.Topic), d => d)).RequireAuthorization(Roles.Read);
    }

    private static async Task<IResult> ListAsync(int? limit, string? cursor, string? search, CredentialAdministration credentials, CancellationToken cancellationToken)
    {
        var page = PageRequest.Read(limit, cursor);
        if (page.Refusal is { } refusal)
        {
            return new Problem(refusal);
        }

        var found = await credentials.ListAsync(page.Value, string.IsNullOrEmpty(search) ? null : search, cancellationToken);
        return Results.Ok(new Page<CredentialView>([.. found.Items.Select(c => CredentialView.From(c))], found.NextCursor));
    }

    private static async Task<IResult> CreateAsync(CredentialBody body, HttpContext context, CredentialAdministration credentials)
    {
        var act = await credentials.CreateAsync(body.ToRequest(body.Username ?? ""), context.Actor());
        return Answers.Created(
            act, c => CredentialView.From(c, NodeView.From(act.Nodes)), c => "/api/v1/credentials/" + Uri.EscapeDataString(c.Username), c => c.Revision);
    }

    private static async Task<IResult> ReplaceAsync(CredentialBody body, HttpContext context, CredentialAdministration credentials)
    {
        var username = context.LastName();
        if (body.Username is not null && body.Username != username)
        {
            return new Problem(Refusal.Invalid(
                "A credential cannot be renamed.", [Findings.Error("username.changed", "username", "The username is not that of the address.")]));
        }

        var act = await credentials.ReplaceAsync(body.ToRequest(username), context.Request.ExpectedRevision(), context.Actor());
        return Answers.Ok(act, c => CredentialView.From(c, NodeView.From(act.Nodes)), c => c.Revision);
    }

    /// <param name="Acl">The form of Chariot 1, instead of the two lists.</param>
    /// <param name="GeneratePassword">On PUT: make a new password and return it once, instead of keeping the old one.</param>
    /// <param name="Revision">Taken so that what was read can be sent back; If-Match decides.</param>
    private sealed record CredentialBody(
        string? Username = null,
        string? Password = null,
        IReadOnlyList<string?>? PublishAcl = null,
        IReadOnlyList<string?>? SubscribeAcl = null,
        string? Acl = null,
        bool? Enabled = null,
        long? Revision = null,
        bool? GeneratePassword = null)
    {
        public CredentialRequest ToRequest(string username) => new(username, Password, PublishAcl, SubscribeAcl, Acl, Enabled) { GeneratePassword = GeneratePassword ?? false };

        public override string ToString() => $"credential {Username}";
    }

    private sealed record CredentialView(
        string Username,
        IReadOnlyList<string> PublishAcl,
        IReadOnlyList<string> SubscribeAcl,
        bool Enabled,
        long Revision,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Password,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<Finding>? Findings,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<NodeView>? Nodes)
    {
        public static CredentialView From(Credential credential, IReadOnlyList<NodeView>? nodes = null) => new(
            credential.Username,
            credential.PublishAcl,
            credential.SubscribeAcl,
            credential.Enabled,
            credential.Revision,
            credential.GeneratedPassword,
            credential.Findings.IsEmpty ? null : credential.Findings,
            nodes);

        public override string ToString() => $"credential {Username}";
    }

    private sealed record ExplainRequest(AclAction Action, string Topic, string? Username = null, bool? Anonymous = null, string? ClientId = null);
}
