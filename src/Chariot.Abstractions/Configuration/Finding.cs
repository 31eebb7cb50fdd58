namespace Chariot.Abstractions.Configuration;

[GenerateSerializer, Alias("chariot.finding-severity.v1")]
public enum FindingSeverity : byte
{
    Error,
    Warning,
    Info,
}

/// <summary>
/// One thing that validation has to say. <see cref="Code"/> is stable (<c>key.encrypted</c>); <see cref="Message"/> is one
/// sentence for a plant engineer and never holds key bytes or a library's exception text.
/// </summary>
[GenerateSerializer, Immutable, Alias("chariot.finding.v1")]
public sealed record Finding(
    [property: Id(0)] string Code,
    [property: Id(1)] FindingSeverity Severity,
    [property: Id(2)] string Message)
{
    /// <summary>privateKey, serverCertificate, caChain, crl or clientCa; null when no file is meant.</summary>
    [Id(3)] public string? File { get; init; }

    /// <summary>JSON field of a request, for requests without files, e.g. <c>publishAcl[3]</c>.</summary>
    [Id(4)] public string? Field { get; init; }

    /// <summary>Number of the PEM block in the file, from 1.</summary>
    [Id(5)] public int? Block { get; init; }

    /// <summary>Line in the file, from 1, preambles counted.</summary>
    [Id(6)] public int? Line { get; init; }

    /// <summary>What to do about it.</summary>
    [Id(7)] public string? Remedy { get; init; }
}
