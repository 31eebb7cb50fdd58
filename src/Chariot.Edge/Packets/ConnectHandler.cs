using System.Text;
using Chariot.Abstractions;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Sessions;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Authentication;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Diagnostics;
using Chariot.Edge.Limiting;
using Chariot.Edge.Links;
using Chariot.Edge.Sessions;

namespace Chariot.Edge.Packets;

/// <summary>
/// CONNECT (section 3.1): 1. limits and client id, 2. authentication, 3. rights and the will, 4. the session grain decides
/// who owns the session, 5. the session moves to this connection, 6. CONNACK, 7. redelivery.
/// </summary>
internal sealed partial class ConnectHandler(
    Authenticator authenticator,
    CertificateSignIn certificateSignIn,
    ScramAuthenticator scram,
    IConfigurationFeed feed,
    IGrainFactory grains,
    IEdgeLinks links,
    SessionRegistry sessions,
    SessionEnd ends,
    SessionArrival arrivals,
    SessionHandOver handOver,
    SessionServices services,
    EdgeLog log,
    TimeProvider time)
{
    /// <summary>Bytes, UTF-8.</summary>
    private const int MaximumUsernameLength = 256;

    /// <summary>Bytes.</summary>
    private const int MaximumPasswordLength = 1024;

    /// <summary>Bytes; the limit of all packets holds for CONNECT too.</summary>
    public int MaximumConnectSize => Math.Min(services.Limits.MaximumConnectSize, services.Limits.MaximumPacketSize);

    public MqttLimits Limits => services.Limits;

    /// <summary>Decodes; a packet that is refused is answered here.</summary>
    public static ReasonCode Decode(MqttConnection connection, int headerLength, ReadOnlySpan<byte> body, out object? control)
    {
        var result = PacketDecoder.DecodeConnect(body, out var packet);
        connection.Version = packet.Version;
        connection.MaximumPacketSize = packet.MaximumPacketSize;
        connection.WantsProblemInformation = packet.RequestProblemInformation;
        control = packet;
        if (result == ReasonCode.Success && packet.Version == ProtocolVersion.V500 && !PacketFraming.IsMinimal(headerLength, body.Length))
        {
            result = ReasonCode.MalformedPacket;
        }

        if (result != ReasonCode.Success)
        {
            control = null;
            if (packet.AnswersRefusal)
            {
                SendRefusal(connection, result);
            }
        }

        return result;
    }

    /// <summary>Refuses a CONNECT that is not read as a whole, as far as its first bytes tell in which protocol.</summary>
    public static void Refuse(MqttConnection connection, ReadOnlySpan<byte> bodyStart, ReasonCode reason)
    {
        if (PacketDecoder.PeekVersion(bodyStart) is { } version)
        {
            connection.Version = version;
            SendRefusal(connection, reason);
        }

        connection.Close(reason);
    }

    public ValueTask<bool> HandleAsync(MqttConnection connection, ConnectPacket packet) =>
        AnswerAsync(connection, cancellationToken => ConnectAsync(connection, packet, cancellationToken));

    /// <summary>The client has answered the challenge of its authentication method.</summary>
    public ValueTask<bool> ContinueAsync(MqttConnection connection, ConnectPacket packet, byte[] data) =>
        AnswerAsync(connection, cancellationToken => ContinueAsync(connection, packet, data, cancellationToken));

    /// <summary>Without its port: what throttles go by.</summary>
    public static string IpAddressOf(MqttConnection connection)
    {
        var address = connection.Transport.RemoteAddress;
        return address[..Math.Max(0, address.LastIndexOf(':'))];
    }

    private async ValueTask<bool> AnswerAsync(MqttConnection connection, Func<CancellationToken, ValueTask<ReasonCode>> decide)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(services.Limits.ConnectTimeoutSeconds), time);
        try
        {
            var reason = await decide(timeout.Token);
            if (reason == ReasonCode.Success)
            {
                return true;
            }

            log.ConnectRefused(connection.Transport.RemoteAddress, reason.ToString());
            SendRefusal(connection, reason);
            connection.Close(reason);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // What cannot be read grants nothing, and the client may try again.
            log.ConnectFailed(error, connection.Transport.RemoteAddress);
            SendRefusal(connection, ReasonCode.ServerUnavailable);
            connection.Close(ReasonCode.ServerUnavailable);
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            SendRefusal(connection, ReasonCode.ServerBusy);
            connection.Close(ReasonCode.ServerBusy);
        }

        return false;
    }

    private async ValueTask<ReasonCode> ConnectAsync(MqttConnection connection, ConnectPacket packet, CancellationToken cancellationToken)
    {
        // 1.
        var limits = services.Limits;
        if (!services.AddressRates.TryTake(IpAddressOf(connection), limits.MaximumConnectRatePerAddress))
        {
            services.Metrics.CountReached(LimitKind.ConnectRatePerAddress);
            return ReasonCode.ConnectionRateExceeded;
        }

        var assigned = packet.ClientId.Length == 0;
        if (assigned && packet.Version != ProtocolVersion.V500 && !packet.CleanStart)
        {
            return ReasonCode.ClientIdentifierNotValid;
        }

        var clientId = assigned ? $"auto-{Guid.NewGuid():N}" : packet.ClientId;
        if (Encoding.UTF8.GetByteCount(clientId) > limits.MaximumClientIdLength || !Utf8Text.IsFitForNames(Encoding.UTF8.GetBytes(clientId)))
        {
            return ReasonCode.ClientIdentifierNotValid;
        }

        if (packet.Password?.Length > MaximumPasswordLength || (packet.Username is not null && Encoding.UTF8.GetByteCount(packet.Username) > MaximumUsernameLength))
        {
            return ReasonCode.BadUserNameOrPassword;
        }

        // 2.
        if (packet.AuthenticationMethod is not null)
        {
            return await ChallengeAsync(connection, packet, clientId, cancellationToken);
        }

        var authentication = await certificateSignIn.AuthenticateAsync(packet.Username, packet.Password, connection.Transport.ClientCertificate, cancellationToken)
            ?? await authenticator.AuthenticateAsync(packet.Username, packet.Password, IpAddressOf(connection), cancellationToken);
        return authentication.Reason == ReasonCode.Success
            ? await OpenAsync(connection, packet, clientId, authentication, cancellationToken)
            : authentication.Reason;
    }

    /// <summary>Begins the exchange of an authentication method; a user name given besides must be the one that it proves.</summary>
    private async ValueTask<ReasonCode> ChallengeAsync(MqttConnection connection, ConnectPacket packet, string clientId, CancellationToken cancellationToken)
    {
        if (packet.AuthenticationMethod != ScramAuthenticator.Method)
        {
            return ReasonCode.BadAuthenticationMethod;
        }

        var start = await scram.BeginAsync(packet.AuthenticationData ?? [], packet.Username, IpAddressOf(connection), cancellationToken);
        if (start.Reason != ReasonCode.Success)
        {
            return start.Reason;
        }

        connection.Authentication = new EnhancedAuthentication(packet, clientId) { Exchange = start.Exchange };
        return AuthHandler.SendAuth(connection, ReasonCode.ContinueAuthentication, ScramAuthenticator.Method, start.Challenge, services);
    }

    private async ValueTask<ReasonCode> ContinueAsync(MqttConnection connection, ConnectPacket packet, byte[] data, CancellationToken cancellationToken)
    {
        var state = connection.Authentication!;
        var (result, serverFinal) = await scram.FinishAsync(state.Exchange!, data, IpAddressOf(connection), cancellationToken);
        if (result.Reason != ReasonCode.Success)
        {
            return result.Reason;
        }

        (state.Connect, state.Exchange, state.ServerFinal) = (null, null, serverFinal);
        return await OpenAsync(connection, packet, state.ClientId, result, cancellationToken);
    }

    private async ValueTask<ReasonCode> OpenAsync(MqttConnection connection, ConnectPacket packet, string clientId, AuthenticationResult authentication, CancellationToken cancellationToken)
    {
        var limits = services.Limits;
        var address = connection.Transport.RemoteAddress;

        // 3.
        var principal = authentication.Principal;
        var access = await AccessResolver.ResolveAsync(feed, principal, clientId, cancellationToken);
        var refusal = CheckWill(packet.Will, access, limits);
        if (refusal != ReasonCode.Success)
        {
            return refusal;
        }

        // 4.
        var expiry = Math.Min(packet.SessionExpirySeconds, limits.MaximumSessionExpirySeconds);
        refusal = CheckConnections(connection, clientId, principal);
        if (refusal == ReasonCode.Success)
        {
            refusal = await CheckDurableAsync(clientId, expiry, cancellationToken);
        }

        if (refusal != ReasonCode.Success)
        {
            return refusal;
        }

        using var opening = services.SharesStore ? sessions.Openings.Begin(clientId) : null;
        OpenSessionResult opened;
        try
        {
            opened = await grains.GetGrain<ISessionGrain>(clientId)
                .OpenAsync(new OpenSession(links.Local, principal, packet.CleanStart, expiry, packet.Will) { Address = address })
                .AsTask().WaitAsync(cancellationToken);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            log.GrainUnavailable(error, clientId);
            return ReasonCode.ServerUnavailable;
        }

        if (opened.Reason != ReasonCode.Success)
        {
            return opened.Reason;
        }

        // 5.
        if (opening is not null)
        {
            opening.Answered(opened.Epoch);
            await arrivals.WhenFreeAsync(clientId, opened);
        }

        var session = TakeSession(packet, clientId, principal, opened, expiry, access);
        opening?.Dispose();
        if (session is null)
        {
            // Another CONNECT with this client id came later and is already served.
            return ReasonCode.SessionTakenOver;
        }

        if (session.Arrival is { } arrival && !await arrival.WaitAsync(cancellationToken))
        {
            return ReasonCode.ServerUnavailable;
        }

        // 6. and 7.
        connection.Principal = principal;
        connection.Verifier = authentication.Verifier;
        if (!Accept(connection, packet, session, opened, expiry))
        {
            return ReasonCode.PacketTooLarge;
        }

        // Asked again now that a change of configuration finds this connection: one may have come in between.
        session.Access = new ClientAccess(await AccessResolver.ResolveAsync(feed, principal, clientId, cancellationToken));
        sessions.Reconsider(session);
        if (!await certificateSignIn.HoldsAsync(principal, authentication.Verifier, connection.Transport.ClientCertificate, cancellationToken))
        {
            connection.PublishesWill = false;
            connection.Close(ReasonCode.NotAuthorized);
        }

        log.Connected(clientId, address, principal.Username ?? "anonymous", packet.Version.ToString());
        return ReasonCode.Success;
    }

    private static ReasonCode CheckWill(WillRecord? will, AccessControlList access, MqttLimits limits)
    {
        if (will is null)
        {
            return ReasonCode.Success;
        }

        if (!TopicFilter.IsValidTopicName(will.Topic, limits.MaximumTopicLength, limits.MaximumTopicLevels))
        {
            return ReasonCode.TopicNameInvalid;
        }

        return access.AllowsPublish(will.Topic) ? ReasonCode.Success : ReasonCode.NotAuthorized;
    }

    /// <summary>
    /// The session to serve, taken from the connection that it was on. Null when a later CONNECT of this client id was faster.
    /// </summary>
    private ClientSession? TakeSession(ConnectPacket packet, string clientId, Principal principal, OpenSessionResult opened, uint expiry, AccessControlList access)
    {
        var batch = FlushBatch.Current;
        var held = sessions.Find(clientId);
        if (held is not null && held.Epoch > opened.Epoch)
        {
            return null;
        }

        if (opened.LostWill is { } lost)
        {
            ends.PublishWill(new ClientSession(clientId, 0, principal, services) { Will = lost, Access = new ClientAccess(access) });
        }

        // The old connection first: nothing of its client is handled any more [MQTT-3.1.4-3].
        if (held?.Connection is { } old)
        {
            held.Detach(old, time.GetUtcNow());
            old.Close(ReasonCode.SessionTakenOver);
            ends.TakenOver(held, opened.SessionPresent);
        }
        else if (held is not null)
        {
            held.WillDueAt = null;
            if (!opened.SessionPresent)
            {
                // The session ends here, and with it the wait of its will [MQTT-3.1.2-8].
                ends.PublishWill(held);
            }
        }

        var arrives = services.SharesStore && opened.SessionPresent && (held is null || held.Ended || held.IsGivenUp || held.SessionId != opened.SessionId);
        var session = sessions.Open(clientId, principal, opened, expiry, arrives, batch);
        if (!ReferenceEquals(session, held))
        {
            session.Access = new ClientAccess(access);
        }

        lock (session.Gate)
        {
            session.Epoch = Math.Max(session.Epoch, opened.Epoch);
        }

        session.CleanStart = packet.CleanStart;
        session.Will = packet.Will;
        session.SetExpiry(expiry);
        batch.Flush(services.Metrics);
        if (arrives)
        {
            session.Arrival = arrivals.RunAsync(session, opened.PreviousOwner, opened.Epoch);
        }
        else if (services.SharesStore)
        {
            session.FenceEpoch = session.FenceEpoch == 0 ? opened.Epoch : session.FenceEpoch;
            if (opened.PreviousOwner is { } previous)
            {
                _ = arrivals.DiscardAsync(previous, clientId, opened.Epoch);
            }
        }

        // Another silo may have taken it meanwhile, and fetches it here with what it had before; whoever comes second of the two sees the other.
        if (sessions.TakenAfter(clientId, opened.Epoch) is { } taken)
        {
            handOver.GiveUp(clientId, taken);
            return null;
        }

        return session;
    }
}
