namespace Chariot.Abstractions.Access;

/// <summary>Why something is allowed or not.</summary>
/// <param name="Filter">The deciding entry as configured; null when no entry speaks for or against it.</param>
/// <param name="Line">Its place in the ACL, from 1; null without an entry, or when no ACL was configured.</param>
public readonly record struct AccessDecision(bool Allowed, string? Filter, int? Line);
