using Chariot.Abstractions;
using Chariot.Abstractions.Access;
using Chariot.Edge.Authentication;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Diagnostics;
using Chariot.Edge.Sessions;

namespace Chariot.Edge.Packets;

/// <summary>
/// AUTH (section 3.15): the answer to the challenge that CONNECT was given, and re-authentication (section 4.12.1), during which the
/// connection goes on under the rights it has.
/// </summary>
internal sealed class AuthHandler(ConnectHandler connect, ScramAuthenticator scram, SessionServices services, EdgeLog log)
{
    /// <summary>An AUTH without a method at CONNECT, of another method, or out of turn is a protocol error [MQTT-4.12.0-6], [MQTT-4.12.1-1].</summary>
    public static ReasonCode Decode(MqttConnection connection, ReadOnlySpan<byte> body, out object? control)
    {
        control = null;
        var result = PacketDecoder.DecodeAuth(body, out var packet);
        if (result != ReasonCode.Success)
        {
            return result;
        }

        if (connection.Authentication is not { } state || packet.Method != state.Method)
        {
            return ReasonCode.ProtocolError;
        }

        var expected = state.Exchange is null ? ReasonCode.ReAuthenticate : ReasonCode.ContinueAuthentication;
        control = packet;
        return packet.Reason == expected ? ReasonCode.Success : ReasonCode.ProtocolError;
    }

    public async ValueTask<bool> HandleAsync(MqttConnection connection, AuthPacket packet)
    {
        var state = connection.Authentication!;
        if (state.Connect is { } waiting)
        {
            return await connect.ContinueAsync(connection, waiting, packet.Data);
        }

        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(services.Limits.ConnectTimeoutSeconds), services.Time);
        ReasonCode reason;
        try
        {
            reason = await ReAuthenticateAsync(connection, state, packet, timeout.Token);
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            reason = ReasonCode.ServerBusy;
        }
        catch (Exception error)
        {
            log.ConnectFailed(error, connection.Transport.RemoteAddress);
            reason = ReasonCode.ImplementationSpecificError;
        }

        if (reason == ReasonCode.Success)
        {
            return true;
        }

        log.ReAuthenticationFailed(connection.Session!.ClientId, connection.Transport.RemoteAddress, reason.ToString());
        // 0x86 is for CONNACK only (section 2.4).
        connection.Close(reason == ReasonCode.BadUserNameOrPassword ? ReasonCode.NotAuthorized : reason);
        return false;
    }

    /// <summary>Sends AUTH, if the client takes a packet of that size.</summary>
    public static ReasonCode SendAuth(MqttConnection connection, ReasonCode reason, string method, byte[] data, SessionServices services)
    {
        var answer = new byte[Math.Min(data.Length + method.Length + 32, connection.MaximumPacketSize)];
        var length = PacketWriter.WriteAuth(answer, reason, method, data);
        if (length == 0)
        {
            return ReasonCode.PacketTooLarge;
        }

        var batch = FlushBatch.Current;
        connection.SendControl(answer.AsSpan(0, length), batch);
        batch.Flush(services.Metrics);
        return ReasonCode.Success;
    }

    private async ValueTask<ReasonCode> ReAuthenticateAsync(MqttConnection connection, EnhancedAuthentication state, AuthPacket packet, CancellationToken cancellationToken)
    {
        var address = ConnectHandler.IpAddressOf(connection);
        if (state.Exchange is not { } exchange)
        {
            // The session belongs to its principal: nobody else can go on with it.
            var start = await scram.BeginAsync(packet.Data, connection.Principal.Username, address, cancellationToken);
            state.Exchange = start.Exchange;
            return start.Exchange is null
                ? start.Reason
                : SendAuth(connection, ReasonCode.ContinueAuthentication, state.Method, start.Challenge, services);
        }

        state.Exchange = null;
        var (result, serverFinal) = await scram.FinishAsync(exchange, packet.Data, address, cancellationToken);
        if (result.Reason != ReasonCode.Success)
        {
            return result.Reason;
        }

        connection.Verifier = result.Verifier;
        return SendAuth(connection, ReasonCode.Success, state.Method, serverFinal, services);
    }
}
