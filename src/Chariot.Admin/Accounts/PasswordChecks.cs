using System.Security.Cryptography;
using System.Text;
using Chariot.Abstractions.Access;

namespace Chariot.Admin.Accounts;

/// <summary>
/// Hashes and checks passwords off the request threads, a few at a time: one check takes a good 100 ms of a core, and signing
/// in must not starve the MQTT side of the same process.
/// </summary>
internal sealed class PasswordChecks : IDisposable
{
    /// <summary>Checks that may wait; more are refused.</summary>
    internal const int MaximumWaiting = 200;

    private readonly SemaphoreSlim _slots = new(Math.Max(1, Environment.ProcessorCount - 1));

    // Checked against when there is no such account, so that an unknown name takes as long as a wrong password.
    private readonly Lazy<string> _decoy = new(() => PasswordVerifier.Create(RandomNumberGenerator.GetBytes(32)));

    private int _waiting;

    /// <summary>Null when too many wait already.</summary>
    public Task<bool?> VerifyAsync(string? verifier, string password, Func<bool>? stillAllowed = null) => RunAsync<bool?>(() =>
    {
        if (stillAllowed is not null && !stillAllowed())
        {
            return null;
        }

        var matches = Use(password, bytes => PasswordVerifier.Verify(verifier ?? _decoy.Value, bytes, default));
        return matches && verifier is not null;
    });

    /// <summary>Null when too many wait already.</summary>
    public Task<string?> CreateAsync(string password) => RunAsync(() => (string?)Use(password, PasswordVerifier.Create));

    public void Dispose() => _slots.Dispose();

    private async Task<T?> RunAsync<T>(Func<T> work)
    {
        if (Interlocked.Increment(ref _waiting) > MaximumWaiting)
        {
            Interlocked.Decrement(ref _waiting);
            return default;
        }

        try
        {
            await _slots.WaitAsync();
            try
            {
                return await Task.Run(work);
            }
            finally
            {
                _slots.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    private delegate T PasswordUse<out T>(ReadOnlySpan<byte> password);

    private static T Use<T>(string password, PasswordUse<T> use)
    {
        var bytes = Encoding.UTF8.GetBytes(password);
        try
        {
            return use(bytes);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }
}
