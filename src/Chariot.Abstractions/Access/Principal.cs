namespace Chariot.Abstractions.Access;

/// <summary>
/// Who a client is after authentication: a configured MQTT credential, or anonymous. A session belongs to
/// (principal, client id); all anonymous clients are one principal.
/// </summary>
[GenerateSerializer, Immutable, Alias("chariot.principal.v1")]
public readonly record struct Principal([property: Id(0)] string? Username)
{
    public static readonly Principal Anonymous = new(null);

    public bool IsAnonymous => Username is null;
}
