using Chariot.Abstractions.Accounts;
using Chariot.Admin.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Chariot.Admin.Accounts;

internal static class AccountEndpoints
{
    public static void MapAccounts(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/accounts").RequireAuthorization(Roles.Read);
        read.MapGet("", async (AccountAdministration accounts) => Page<AccountView>.Whole([.. (await accounts.ListAsync()).Select(AccountView.From)]));
        read.MapGet("/{username}", async (HttpContext context, AccountAdministration accounts) =>
            Answers.Ok(await accounts.FindAsync(context.LastName()), AccountView.From));

        var change = routes.MapGroup("/accounts").RequireAuthorization(Roles.Change);
        change.MapPost("", async (CreateAccount body, HttpContext context, AccountAdministration accounts) => Answers.Created(
            await accounts.CreateAsync(body.Username, body.Password, body.Role, body.MustChangePassword ?? false, context.Actor()),
            AccountView.From,
            a => "/api/v1/accounts/" + Uri.EscapeDataString(a.Username)));
        change.MapPut("/{username}", async (UpdateAccount body, HttpContext context, AccountAdministration accounts) => Answers.Ok(
            await accounts.UpdateAsync(context.LastName(), body.Password, body.Role, body.MustChangePassword, context.Actor()), AccountView.From));
        change.MapDelete("/{username}", async (HttpContext context, AccountAdministration accounts) =>
            Answers.NoContent(await accounts.DeleteAsync(context.LastName(), context.Actor())));
    }

    public static void MapTokens(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/tokens", async (AccountAdministration accounts) => Page<ApiToken>.Whole(await accounts.ListTokensAsync()))
            .RequireAuthorization(Roles.Read);

        var change = routes.MapGroup("/tokens").RequireAuthorization(Roles.Change);
        change.MapPost("", async (CreateToken body, HttpContext context, AccountAdministration accounts) => Answers.Created(
            await accounts.CreateTokenAsync(body.Name, body.Role, body.ExpiresAt, context.Actor()),
            t => new { t.Token.Id, Token = t.Secret, t.Token.Name, t.Token.Role, t.Token.ExpiresAt },
            t => "/api/v1/tokens/" + t.Token.Id));
        change.MapDelete("/{id}", async (string id, HttpContext context, AccountAdministration accounts) =>
            Answers.NoContent(await accounts.DeleteTokenAsync(id, context.Actor())));
    }

    private sealed record AccountView(string Username, AccountRole Role, bool MustChangePassword)
    {
        public static AccountView From(Account account) => new(account.Username, account.Role, account.MustChangePassword);
    }

    private sealed record CreateAccount(string Username, string? Password = null, AccountRole? Role = null, bool? MustChangePassword = null)
    {
        public override string ToString() => $"new account {Username}";
    }

    /// <param name="Username">Taken so that what was read can be sent back; an account cannot be renamed.</param>
    private sealed record UpdateAccount(string? Username = null, string? Password = null, AccountRole? Role = null, bool? MustChangePassword = null)
    {
        public override string ToString() => "account update";
    }

    private sealed record CreateToken(string Name, AccountRole? Role = null, DateTimeOffset? ExpiresAt = null);
}
