using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Chariot.Abstractions;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;

namespace Chariot.Edge.Authentication;

/// <summary>
/// Who a client is. A user name or password that was given is checked and never falls back to anonymous; without either the
/// anonymous rule decides. Every refusal for a wrong pair is the same and is released on a 250 ms grid, at least 250 ms after it
/// was asked for, so that neither its code nor its time tells an unknown user from a wrong password, hashed or not.
/// </summary>
internal sealed class Authenticator(IConfigurationFeed feed, ISecretSealer sealer, TimeProvider time) : IDisposable
{
    private const int GridMilliseconds = 250;
    private const int MaximumRemembered = 200_000;
    private const int MaximumWaiting = 5000;

    /// <summary>Password hashing takes a core for a tenth of a second: it gets its own few, off the I/O threads.</summary>
    private readonly SemaphoreSlim _hashing = new(Math.Max(1, Environment.ProcessorCount - 1));
    private readonly FailureThrottle _throttle = new(time);
    private readonly byte[] _cacheKey = RandomNumberGenerator.GetBytes(32);
    private readonly byte[] _pepper = sealer.Derive(PasswordVerifier.PepperPurpose);
    private readonly ConcurrentDictionary<string, byte[]> _verified = new(StringComparer.Ordinal);
    private int _waiting;

    /// <summary>Counts failures of every method.</summary>
    public FailureThrottle Throttle => _throttle;

    public static string ThrottleKey(string address, string? username) => $"{address} {username}";

    public void Dispose() => _hashing.Dispose();

    /// <param name="address">Remote IP address, for the throttle.</param>
    public async ValueTask<AuthenticationResult> AuthenticateAsync(string? username, byte[]? password, string address, CancellationToken cancellationToken)
    {
        if (username is null && password is null)
        {
            return feed.Current.Mqtt.AllowAnonymous
                ? new AuthenticationResult(ReasonCode.Success, Principal.Anonymous, null)
                : AuthenticationResult.Refuse(ReasonCode.NotAuthorized);
        }

        var asked = time.GetUtcNow();
        var throttleKey = ThrottleKey(address, username);
        if (_throttle.IsBlocked(throttleKey))
        {
            return AuthenticationResult.Refuse(ReasonCode.ConnectionRateExceeded);
        }

        CredentialRecord? credential;
        try
        {
            credential = string.IsNullOrEmpty(username) ? null : await feed.FindCredentialAsync(username, cancellationToken);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // A credential that cannot be read grants nothing.
            return AuthenticationResult.Refuse(ReasonCode.ServerUnavailable);
        }

        if (credential is not { Enabled: true } || password is null || password.Length == 0)
        {
            return await RefuseAsync(throttleKey, asked, cancellationToken);
        }

        var verdict = await VerifyAsync(credential, password, cancellationToken);
        if (verdict is null)
        {
            return AuthenticationResult.Refuse(ReasonCode.ServerBusy);
        }

        if (verdict is false)
        {
            return await RefuseAsync(throttleKey, asked, cancellationToken);
        }

        _throttle.Succeeded(throttleKey);
        return new AuthenticationResult(ReasonCode.Success, new Principal(credential.Username), credential.PasswordVerifier);
    }

    /// <summary>
    /// Null when too many are waiting. A password that was right once is known by an HMAC under a key that lives in memory only,
    /// bound to the verifier, so that a changed password is asked for again.
    /// </summary>
    private async ValueTask<bool?> VerifyAsync(CredentialRecord credential, byte[] password, CancellationToken cancellationToken)
    {
        var proof = HMACSHA256.HashData(_cacheKey, (byte[])[.. Encoding.UTF8.GetBytes(credential.PasswordVerifier), 0, .. password]);
        if (_verified.TryGetValue(credential.Username, out var known) && CryptographicOperations.FixedTimeEquals(known, proof))
        {
            return true;
        }

        if (!PasswordVerifier.IsSlow(credential.PasswordVerifier))
        {
            return PasswordVerifier.Verify(credential.PasswordVerifier, password, _pepper);
        }

        if (Interlocked.Increment(ref _waiting) > MaximumWaiting)
        {
            Interlocked.Decrement(ref _waiting);
            return null;
        }

        try
        {
            await _hashing.WaitAsync(cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }

        try
        {
            // Many devices may share one password: those that waited find what the first one proved.
            if (_verified.TryGetValue(credential.Username, out known) && CryptographicOperations.FixedTimeEquals(known, proof))
            {
                return true;
            }

            var right = await Task.Run(() => PasswordVerifier.Verify(credential.PasswordVerifier, password, _pepper), cancellationToken);
            if (right)
            {
                if (_verified.Count >= MaximumRemembered)
                {
                    _verified.Clear();
                }

                _verified[credential.Username] = proof;
            }

            return right;
        }
        finally
        {
            _hashing.Release();
        }
    }

    /// <summary>Counts a failure and refuses it on the grid.</summary>
    public async ValueTask<AuthenticationResult> RefuseAsync(string throttleKey, DateTimeOffset asked, CancellationToken cancellationToken)
    {
        _throttle.Failed(throttleKey);
        // From when it was asked, not from now: a password that was hashed first has used some of the time.
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        var earliest = Math.Max(now, asked.ToUnixTimeMilliseconds() + GridMilliseconds);
        var release = ((earliest / GridMilliseconds) + 1) * GridMilliseconds;
        await Task.Delay(TimeSpan.FromMilliseconds(release - now), time, cancellationToken);
        return AuthenticationResult.Refuse(ReasonCode.BadUserNameOrPassword);
    }
}

/// <param name="Verifier">What the password was checked against; null for anonymous.</param>
internal readonly record struct AuthenticationResult(ReasonCode Reason, Principal Principal, string? Verifier)
{
    public static AuthenticationResult Refuse(ReasonCode reason) => new(reason, Principal.Anonymous, null);

    /// <summary>Never shows the verifier.</summary>
    public override string ToString() => Reason.ToString();
}
