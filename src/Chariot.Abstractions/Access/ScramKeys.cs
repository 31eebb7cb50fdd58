using System.Security.Cryptography;

namespace Chariot.Abstractions.Access;

/// <summary>
/// What a server keeps of a password for SCRAM-SHA-256 (RFC 5802 section 3, RFC 7677). Neither key lets its holder log in, but the
/// <see cref="ServerKey"/> lets it pass for the server.
/// </summary>
/// <param name="Salt">16 bytes; sent to whoever asks for the name.</param>
/// <param name="Rounds">Iteration count of PBKDF2-HMAC-SHA256; at least 4,096 (RFC 7677 section 4).</param>
public sealed record ScramKeys(byte[] Salt, int Rounds, byte[] StoredKey, byte[] ServerKey)
{
    public const int SaltLength = 16;
    public const int KeyLength = 32;

    /// <summary>The least that RFC 7677 allows; enough for passwords that cannot be guessed at any speed.</summary>
    public const int MinimumRounds = 4096;

    /// <summary>Keys of a password; as slow as <paramref name="rounds"/> say.</summary>
    public static ScramKeys Derive(ReadOnlySpan<byte> password, ReadOnlySpan<byte> salt, int rounds)
    {
        Span<byte> salted = stackalloc byte[KeyLength];
        // Hi() of RFC 5802 is PBKDF2 with one block of output.
        Rfc2898DeriveBytes.Pbkdf2(password, salt, salted, rounds, HashAlgorithmName.SHA256);
        try
        {
            return new ScramKeys(salt.ToArray(), rounds, SHA256.HashData(HMACSHA256.HashData(salted, "Client Key"u8)), HMACSHA256.HashData(salted, "Server Key"u8));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(salted);
        }
    }

    /// <summary>Never shows a key.</summary>
    public override string ToString() => "SCRAM keys";
}
