using System.Collections.Immutable;
using Chariot.Abstractions.Configuration;

namespace Chariot.Admin;

/// <summary>Why an act was refused: an HTTP status, a stable code and one sentence.</summary>
public sealed record Refusal(int Status, string Code, string Detail)
{
    public ImmutableArray<Finding> Findings { get; init; } = [];

    public ImmutableArray<NodeResult> Nodes { get; init; } = [];

    /// <summary>When to try again; for 429 and 503.</summary>
    public TimeSpan? RetryAfter { get; init; }

    public static Refusal NotFound(string detail) => new(404, "not-found", detail);

    public static Refusal Invalid(string detail, ImmutableArray<Finding> findings) => new(400, "validation-failed", detail) { Findings = findings };

    /// <summary>Key, certificate or chain, or the three together, cannot be served.</summary>
    public static Refusal InvalidTls(string detail, ImmutableArray<Finding> findings) => new(400, "tls-bundle-invalid", detail) { Findings = findings };

    public static Refusal Stale { get; } =
        new(412, "revision-conflict", "The object was changed since it was read. Read it again and repeat the change.");

    /// <summary>What a refused change of the configuration means to the caller.</summary>
    public static Refusal From(ChangeResult result, string what) => result.Outcome switch
    {
        ChangeOutcome.RevisionConflict => Stale,
        ChangeOutcome.NotFound => NotFound($"There is no {what}."),
        ChangeOutcome.CredentialExists => new(409, "credential-exists", $"There is a {what} already."),
        ChangeOutcome.CredentialInUse => new(409, "credential-in-use", $"Anonymous clients or client certificates are mapped to the {what}. Map them to another one first."),
        ChangeOutcome.UnknownCredential => Invalid(
            "The credential for anonymous clients is not configured, or is disabled.",
            [new Finding("anonymous-credential.unknown", FindingSeverity.Error, "No enabled credential has this username.") { Field = "anonymousCredential" }]),
        ChangeOutcome.AlreadySetUp => new(409, "already-set-up", "SSL is set up already. Replace it with PUT /api/v1/ssl, or delete it first."),
        ChangeOutcome.SiloCannotActivate => new(409, "silo-cannot-activate", SiloSentence(result.Nodes)) { Nodes = result.Nodes },
        ChangeOutcome.Applied => throw new ArgumentException("An applied change is no refusal.", nameof(result)),
        _ => throw new ArgumentOutOfRangeException(nameof(result), result.Outcome, "Unknown outcome."),
    };

    private static string SiloSentence(ImmutableArray<NodeResult> nodes)
    {
        var causes = nodes.Where(n => n.Error is not null).Select(n => $"{n.Node}: {n.Error}").ToList();
        return causes.Count == 0
            ? "A node cannot serve the certificate. Nothing was changed."
            : $"Nothing was changed, because a node cannot serve the certificate: {string.Join("; ", causes)}.";
    }
}

/// <summary>What came of an act: a value, or a refusal.</summary>
internal sealed class Act<T>
{
    private readonly T? _value;

    private Act(T? value, Refusal? refusal) => (_value, Refusal) = (value, refusal);

    public Refusal? Refusal { get; }

    /// <summary>Only when there is no <see cref="Refusal"/>.</summary>
    public T Value => Refusal is null ? _value! : throw new InvalidOperationException("The act was refused.");

    /// <summary>What each node made of a change; empty for acts that concern no node.</summary>
    public ImmutableArray<NodeResult> Nodes { get; init; } = [];

    /// <summary>Whether a live node does not act on the change.</summary>
    public bool Partial => Nodes.Any(n => !n.Applied);

    public static Act<T> Done(T value, ImmutableArray<NodeResult> nodes = default) =>
        new(value, null) { Nodes = nodes.IsDefault ? [] : nodes };

    public static implicit operator Act<T>(Refusal refusal) => new(default, refusal);
}
