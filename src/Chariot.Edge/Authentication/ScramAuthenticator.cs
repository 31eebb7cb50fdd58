using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Chariot.Abstractions;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Edge.Codec;

namespace Chariot.Edge.Authentication;

/// <summary>
/// Enhanced authentication (5.0 section 4.12) with SCRAM-SHA-256 over the credentials. A name that is unknown, disabled or whose
/// verifier is of an older form gets a challenge like any other, with a salt and a number of rounds that stay the same for that name, and
/// fails at its proof: the answers do not tell which names there are. Failures count in the same throttle as wrong passwords.
/// </summary>
internal sealed class ScramAuthenticator(Authenticator passwords, IConfigurationFeed feed, ISecretSealer sealer, TimeProvider time)
{
    public const string Method = "SCRAM-SHA-256";

    private const string DecoyPurpose = "mqtt-scram-decoy/v1";
    private const int NonceLength = 18;
    private const int MaximumUsernameLength = 256;

    private readonly byte[] _decoyKey = sealer.Derive(DecoyPurpose);

    /// <summary>Judges client-first-message; with Success the challenge is to be sent.</summary>
    /// <param name="username">The name that CONNECT gave besides, or that the connection has; null for any.</param>
    /// <param name="address">Remote IP address, for the throttle.</param>
    public async ValueTask<ScramStart> BeginAsync(byte[] message, string? username, string address, CancellationToken cancellationToken)
    {
        var reason = ScramExchange.TryBegin(message, time.GetUtcNow(), out var exchange);
        if (exchange is null)
        {
            return ScramStart.Refuse(reason);
        }

        var name = Encoding.UTF8.GetBytes(exchange.Username);
        if (name.Length > MaximumUsernameLength || !Utf8Text.IsFitForNames(name) || (username is not null && username != exchange.Username))
        {
            return ScramStart.Refuse(ReasonCode.BadUserNameOrPassword);
        }

        if (passwords.Throttle.IsBlocked(Authenticator.ThrottleKey(address, exchange.Username)))
        {
            return ScramStart.Refuse(ReasonCode.ConnectionRateExceeded);
        }

        CredentialRecord? credential;
        try
        {
            credential = await feed.FindCredentialAsync(exchange.Username, cancellationToken);
            if (credential is null && SaslPrep.TryPrepare(exchange.Username) is { } prepared && prepared != exchange.Username
                && await feed.FindCredentialAsync(prepared, cancellationToken) is { } found)
            {
                (credential, exchange.Username) = (found, prepared);
            }
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // A credential that cannot be read grants nothing.
            return ScramStart.Refuse(ReasonCode.ServerUnavailable);
        }

        var verifier = credential is { Enabled: true } ? credential.PasswordVerifier : null;
        var keys = verifier is null ? null : PasswordVerifier.ReadScram(verifier);
        var nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(NonceLength));
        return new ScramStart(ReasonCode.Success, exchange, exchange.Challenge(keys ?? Decoy(name), keys is null ? null : verifier, nonce));
    }

    /// <summary>Judges client-final-message.</summary>
    public async ValueTask<ScramOutcome> FinishAsync(ScramExchange exchange, byte[] message, string address, CancellationToken cancellationToken)
    {
        var throttleKey = Authenticator.ThrottleKey(address, exchange.Username);
        if (passwords.Throttle.IsBlocked(throttleKey))
        {
            return new ScramOutcome(AuthenticationResult.Refuse(ReasonCode.ConnectionRateExceeded), []);
        }

        var reason = exchange.Finish(message, out var serverFinal);
        // Asked again: the credential may have been changed or disabled since the challenge.
        if (reason == ReasonCode.Success
            && await feed.FindCredentialAsync(exchange.Username, cancellationToken) is { Enabled: true } credential
            && credential.PasswordVerifier == exchange.Verifier)
        {
            passwords.Throttle.Succeeded(throttleKey);
            return new ScramOutcome(new AuthenticationResult(ReasonCode.Success, new Principal(exchange.Username), exchange.Verifier), serverFinal);
        }

        var refusal = reason == ReasonCode.ProtocolError
            ? AuthenticationResult.Refuse(reason)
            : await passwords.RefuseAsync(throttleKey, exchange.AskedAt, cancellationToken);
        return new ScramOutcome(refusal, []);
    }

    /// <summary>Keys that nobody has, the same for the same name on every node and after a restart.</summary>
    private ScramKeys Decoy(ReadOnlySpan<byte> name)
    {
        Span<byte> made = stackalloc byte[ScramKeys.KeyLength];
        HMACSHA256.HashData(_decoyKey, name, made);
        // Generated passwords have few rounds and typed ones many: a decoy is one or the other.
        var rounds = (BinaryPrimitives.ReadInt16LittleEndian(made[ScramKeys.SaltLength..]) & 1) == 0 ? PasswordVerifier.Rounds : ScramKeys.MinimumRounds;
        return new ScramKeys(made[..ScramKeys.SaltLength].ToArray(), rounds, RandomNumberGenerator.GetBytes(ScramKeys.KeyLength), new byte[ScramKeys.KeyLength]);
    }
}

/// <param name="Exchange">Null when refused.</param>
/// <param name="Challenge">server-first-message.</param>
internal readonly record struct ScramStart(ReasonCode Reason, ScramExchange? Exchange, byte[] Challenge)
{
    public static ScramStart Refuse(ReasonCode reason) => new(reason, null, []);
}

/// <param name="ServerFinal">server-final-message, for CONNACK or the last AUTH.</param>
internal readonly record struct ScramOutcome(AuthenticationResult Result, byte[] ServerFinal);
