using System.Collections.Immutable;
using System.Text;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Stores;
using Chariot.Admin.Accounts;
using Chariot.Admin.Audit;
using Chariot.Admin.Http;

namespace Chariot.Admin.Credentials;

/// <summary>What is asked of a credential. Null: generate (on create) or keep (on change).</summary>
internal sealed record CredentialRequest(
    string Username,
    string? Password,
    IReadOnlyList<string?>? PublishAcl,
    IReadOnlyList<string?>? SubscribeAcl,
    string? LegacyAcl,
    bool? Enabled)
{
    /// <summary>On change: a new generated password instead of the one that is kept. Not together with a password.</summary>
    public bool GeneratePassword { get; init; }

    public override string ToString() => $"request for credential {Username}";
}

/// <summary>A credential as it may be shown.</summary>
internal sealed record Credential(string Username, ImmutableArray<string> PublishAcl, ImmutableArray<string> SubscribeAcl, bool Enabled, long Revision)
{
    /// <summary>Only in the answer to the call that generated it.</summary>
    public string? GeneratedPassword { get; init; }

    public ImmutableArray<Finding> Findings { get; init; } = [];

    public static Credential From(CredentialRecord record) => new(record.Username, record.PublishAcl, record.SubscribeAcl, record.Enabled, record.Revision);

    public override string ToString() => $"credential {Username} revision {Revision}";
}

/// <summary>Creates, changes, removes and lists MQTT credentials.</summary>
internal sealed class CredentialAdministration(
    AdminGrains grains,
    IGrainStateIndex index,
    ISecretSealer sealer,
    PasswordChecks checks,
    AuditTrail audit)
{
    /// <summary>Purpose of the key that generated passwords are hashed under; the MQTT side derives the same one.</summary>
    public const string PepperPurpose = "mqtt-password-pepper/v1";

    public async Task<Page<Credential>> ListAsync(PageRequest page, string? prefix, CancellationToken cancellationToken)
    {
        var rows = await index.ReadAsync<CredentialRecord?>(StateNames.Credential, page.After, page.Limit + 1, prefix, cancellationToken);
        // A deleted credential may leave an empty state behind; it takes a row of the page, and is not shown.
        var cut = page.Cut(rows, r => r.Key, r => r.Value is { } record ? Credential.From(record) : null);
        return new Page<Credential>([.. cut.Items.OfType<Credential>()], cut.NextCursor);
    }

    public async Task<Act<Credential>> FindAsync(string username) => CredentialRules.CheckUsername(username).IsEmpty && await grains.Credential(username).GetAsync() is { } record
        ? Act<Credential>.Done(Credential.From(record))
        : Refusal.NotFound(NoSuch(username));

    public async Task<Act<Credential>> CreateAsync(CredentialRequest request, Actor actor)
    {
        var (publish, subscribe, findings) = Check(request);
        if (HasErrors(findings))
        {
            return Refusal.Invalid("The credential is refused.", findings);
        }

        // Cheap refusal before a slow hash; the grain decides.
        if (await grains.Credential(request.Username).GetAsync() is not null)
        {
            return new Refusal(409, "credential-exists", $"There is a credential '{AccountRules.Label(request.Username)}' already.");
        }

        var generated = request.Password is null ? PasswordVerifier.GeneratePassword() : null;
        var verifier = generated is null ? await checks.CreateAsync(request.Password!) : CreateGenerated(generated);
        if (verifier is null)
        {
            return Busy;
        }

        var change = new CredentialChange(request.Username, verifier, publish, subscribe, request.Enabled ?? true);
        return await audit.RecordAsync<Credential>(actor, "credential.create", request.Username, null, Shown(change, "set"), async () =>
            Map(await grains.Configuration.PutCredentialAsync(change, create: true, expectedRevision: null), change, generated, findings));
    }

    public async Task<Act<Credential>> ReplaceAsync(CredentialRequest request, long? expectedRevision, Actor actor)
    {
        if (!CredentialRules.CheckUsername(request.Username).IsEmpty || await grains.Credential(request.Username).GetAsync() is not { } before)
        {
            return Refusal.NotFound(NoSuch(request.Username));
        }

        var (publish, subscribe, findings) = Check(request);
        if (HasErrors(findings))
        {
            return Refusal.Invalid("The credential is refused.", findings);
        }

        var generated = request.GeneratePassword ? PasswordVerifier.GeneratePassword() : null;
        var verifier = generated is null ? null : CreateGenerated(generated);
        if (request.Password is not null)
        {
            verifier = await checks.CreateAsync(request.Password);
            if (verifier is null)
            {
                return Busy;
            }
        }

        var change = new CredentialChange(request.Username, verifier, publish, subscribe, request.Enabled ?? true);
        return await audit.RecordAsync<Credential>(
            actor,
            "credential.update",
            request.Username,
            new { before.PublishAcl, before.SubscribeAcl, before.Enabled, before.Revision },
            Shown(change, verifier is null ? "kept" : "changed"),
            async () => Map(await grains.Configuration.PutCredentialAsync(change, create: false, expectedRevision), change, generated, findings));
    }

    public async Task<Act<bool>> DeleteAsync(string username, long? expectedRevision, Actor actor)
    {
        if (!CredentialRules.CheckUsername(username).IsEmpty || await grains.Credential(username).GetAsync() is not { } before)
        {
            return Refusal.NotFound(NoSuch(username));
        }

        return await audit.RecordAsync<bool>(
            actor,
            "credential.delete",
            username,
            new { before.PublishAcl, before.SubscribeAcl, before.Enabled, before.Revision },
            null,
            async () =>
            {
                var result = await grains.Configuration.DeleteCredentialAsync(username, expectedRevision);
                return result.Outcome == ChangeOutcome.Applied ? Act<bool>.Done(true, result.Nodes) : Refusal.From(result, What(username));
            });
    }

    private static readonly Refusal Busy = new(429, "too-many-attempts", "Too many passwords are being hashed. Try again.") { RetryAfter = TimeSpan.FromSeconds(1) };

    private static (ImmutableArray<string> Publish, ImmutableArray<string> Subscribe, ImmutableArray<Finding> Findings) Check(CredentialRequest request)
    {
        var findings = CredentialRules.CheckUsername(request.Username);
        if (request.Password is not null)
        {
            findings = findings.AddRange(CredentialRules.CheckPassword(request.Username, request.Password));
        }

        if (request is { GeneratePassword: true, Password: not null })
        {
            findings = findings.Add(Findings.Error("password.both", "generatePassword", "Give a password, or generatePassword, not both."));
        }

        // An entry that is null is refused like an empty one.
        ImmutableArray<string> publish = [.. (request.PublishAcl ?? []).Select(f => f ?? "")];
        ImmutableArray<string> subscribe = [.. (request.SubscribeAcl ?? []).Select(f => f ?? "")];
        if (request.LegacyAcl is not null)
        {
            if (request.PublishAcl is not null || request.SubscribeAcl is not null)
            {
                return ([], [], findings.Add(Findings.Error("acl.both", "acl", "Give acl, or publishAcl and subscribeAcl, not both.")));
            }

            if (!AccessRules.TryParseLegacy(request.LegacyAcl, out publish, out subscribe))
            {
                return ([], [], findings.Add(Findings.Error("acl.legacy", "acl", "Each entry is R, W or RW, a blank and a topic filter; commas separate entries.")));
            }
        }

        return (publish, subscribe, [.. findings, .. AccessRules.Validate(publish, "publishAcl"), .. AccessRules.Validate(subscribe, "subscribeAcl")]);
    }

    private string CreateGenerated(string password) =>
        PasswordVerifier.CreateGenerated(Encoding.UTF8.GetBytes(password), sealer.Derive(PepperPurpose));

    private static Act<Credential> Map(ChangeResult result, CredentialChange change, string? generated, ImmutableArray<Finding> findings) =>
        result.Outcome == ChangeOutcome.Applied
            ? Act<Credential>.Done(
                new Credential(change.Username, change.PublishAcl, change.SubscribeAcl, change.Enabled, result.Revision) { GeneratedPassword = generated, Findings = findings },
                result.Nodes)
            : Refusal.From(result, What(change.Username));

    private static object Shown(CredentialChange change, string password) =>
        new { change.PublishAcl, change.SubscribeAcl, change.Enabled, Password = password };

    private static bool HasErrors(ImmutableArray<Finding> findings) => findings.Any(f => f.Severity == FindingSeverity.Error);

    private static string What(string username) => $"credential '{AccountRules.Label(username)}'";

    private static string NoSuch(string username) => $"There is no {What(username)}.";
}
