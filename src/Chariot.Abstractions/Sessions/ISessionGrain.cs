using System.Collections.Immutable;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Topics;
using Orleans.Concurrency;
using Orleans.Runtime;

namespace Chariot.Abstractions.Sessions;

/// <summary>
/// The linearisation point of one client id: who owns its session, under which epoch, and what it is subscribed to. One call
/// on CONNECT, one per SUBSCRIBE or UNSUBSCRIBE, one when the connection ends; none on PUBLISH.
/// </summary>
[Alias("chariot.session.v1")]
public interface ISessionGrain : IGrainWithStringKey
{
    /// <summary>
    /// A client connects. Raises the epoch, takes the session from another silo's edge if that holds it, starts clean or
    /// resumes. Refused with <see cref="ReasonCode.NotAuthorized"/> when the session belongs to another principal.
    /// </summary>
    [Alias("Open")] ValueTask<OpenSessionResult> OpenAsync(OpenSession request);

    /// <summary>
    /// Decides each filter against the subscriber's ACL and records the granted ones. Returns per filter the granted QoS or
    /// <see cref="ReasonCode.NotAuthorized"/>, in the order asked; all <see cref="ReasonCode.SessionTakenOver"/> for an old epoch.
    /// The caller has checked syntax and limits.
    /// </summary>
    [Alias("Subscribe")] ValueTask<SubscribeResult> SubscribeAsync(long epoch, ImmutableArray<SubscriptionRecord> subscriptions);

    /// <summary>Returns per filter <see cref="ReasonCode.Success"/> or <see cref="ReasonCode.NoSubscriptionExisted"/>.</summary>
    [Alias("Unsubscribe")] ValueTask<ImmutableArray<ReasonCode>> UnsubscribeAsync(long epoch, ImmutableArray<string> filters);

    /// <summary>
    /// The connection of <paramref name="epoch"/> ended; ignored for an older epoch. <paramref name="expirySeconds"/> is the
    /// expiry in force (DISCONNECT may have changed it); 0 removes the session. <paramref name="keepWill"/>: a delayed will is
    /// still to be published.
    /// </summary>
    [Alias("Close")] ValueTask CloseAsync(long epoch, uint expirySeconds, bool keepWill);

    /// <summary>Removes the session if <paramref name="epoch"/> is still current (expired, or removed by an administrator).</summary>
    [Alias("Remove")] ValueTask<bool> RemoveAsync(long epoch);

    /// <summary>What is recorded, for the admin API; null when there is no session.</summary>
    [Alias("Describe"), AlwaysInterleave] ValueTask<SessionRecord?> DescribeAsync();
}

/// <param name="Owner">The silo of the edge that accepted the client.</param>
/// <param name="ExpirySeconds">Session Expiry Interval after capping; 0 for a session that ends with its connection.</param>
[GenerateSerializer, Immutable, Alias("chariot.open-session.v1")]
public sealed record OpenSession(
    [property: Id(0)] SiloAddress Owner,
    [property: Id(1)] Principal Principal,
    [property: Id(2)] bool CleanStart,
    [property: Id(3)] uint ExpirySeconds,
    [property: Id(4)] WillRecord? Will)
{
    /// <summary>Where the client connects from, for the alarm about two that fight over one client id.</summary>
    [Id(5)] public string? Address { get; init; }
}

/// <param name="SessionId">Key of its rows in the message store; see <see cref="SessionRecord.SessionId"/>.</param>
/// <param name="DiscardedSessionId">Id of a durable session that this CONNECT ended (clean start); its rows are to be deleted. 0: none.</param>
[GenerateSerializer, Immutable, Alias("chariot.open-session-result.v1")]
public sealed record OpenSessionResult(
    [property: Id(0)] ReasonCode Reason,
    [property: Id(1)] long Epoch,
    [property: Id(2)] long SessionId,
    [property: Id(3)] bool SessionPresent,
    [property: Id(4)] ImmutableArray<SubscriptionRecord> Subscriptions,
    [property: Id(5)] long DiscardedSessionId)
{
    /// <summary>Another silo that held the session and was told to give it up; it waits to be released. Null when there is none.</summary>
    [Id(6)] public SiloAddress? PreviousOwner { get; init; }

    /// <summary>The will of a connection that died with its silo, when the session ended with it: now due. Null when there is none.</summary>
    [Id(7)] public WillRecord? LostWill { get; init; }
}

/// <param name="Reasons">Per filter, in the order asked.</param>
/// <param name="Revision">Configuration revision that the decision was made under.</param>
[GenerateSerializer, Immutable, Alias("chariot.subscribe-result.v1")]
public sealed record SubscribeResult(
    [property: Id(0)] ImmutableArray<ReasonCode> Reasons,
    [property: Id(1)] long Revision);
