using System.Globalization;
using System.Security.Cryptography;

namespace Chariot.Abstractions.Access;

/// <summary>
/// Creates and checks stored password verifiers. Typed passwords get a slow hash, <c>$pbkdf2-sha256$rounds$salt$hash</c>;
/// generated ones (more than 160 random bits, so guessing is hopeless at any speed) a fast one under a pepper that is not in
/// the store, <c>$hmac-sha256$1$salt$hash</c>. Salt and hash are Base64; the second field is the version of the parameters.
/// </summary>
public static class PasswordVerifier
{
    /// <summary>OWASP's figure for PBKDF2-HMAC-SHA256, 2023 and later: about 0.1 s of one core.</summary>
    public const int Rounds = 600_000;

    /// <summary>A stored count above this is taken as damage: a check must not hold a core for seconds.</summary>
    public const int MaximumRounds = 10_000_000;

    /// <summary>Characters of a generated password; 62 symbols each, 190 bits together.</summary>
    public const int GeneratedLength = 32;

    private const int SaltLength = 16;
    private const int HashLength = 32;
    private const string Slow = "pbkdf2-sha256";
    private const string Fast = "hmac-sha256";
    private const string FastVersion = "1";
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    /// <summary>A random password of <see cref="GeneratedLength"/> letters and digits.</summary>
    public static string GeneratePassword() => RandomNumberGenerator.GetString(Alphabet, GeneratedLength);

    /// <summary>Verifier of a typed password (slow hash): call it off the I/O threads.</summary>
    public static string Create(ReadOnlySpan<byte> password)
    {
        Span<byte> salt = stackalloc byte[SaltLength];
        RandomNumberGenerator.Fill(salt);
        Span<byte> hash = stackalloc byte[HashLength];
        Rfc2898DeriveBytes.Pbkdf2(password, salt, hash, Rounds, HashAlgorithmName.SHA256);
        return string.Create(CultureInfo.InvariantCulture, $"${Slow}${Rounds}${Convert.ToBase64String(salt)}${Convert.ToBase64String(hash)}");
    }

    /// <summary>
    /// Verifier of a password made by <see cref="GeneratePassword"/>. <paramref name="pepper"/> is a key of at least 16 bytes
    /// that every node derives from the master key; it is needed again to verify.
    /// </summary>
    public static string CreateGenerated(ReadOnlySpan<byte> password, ReadOnlySpan<byte> pepper)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(pepper.Length, 16, nameof(pepper));
        Span<byte> salt = stackalloc byte[SaltLength];
        RandomNumberGenerator.Fill(salt);
        Span<byte> hash = stackalloc byte[HashLength];
        Peppered(password, pepper, salt, hash);
        return $"${Fast}${FastVersion}${Convert.ToBase64String(salt)}${Convert.ToBase64String(hash)}";
    }

    /// <summary>Whether checking against <paramref name="verifier"/> takes long enough to belong off the I/O threads.</summary>
    public static bool IsSlow(string verifier) => verifier.StartsWith($"${Slow}$", StringComparison.Ordinal);

    /// <summary>
    /// Checks <paramref name="password"/> in constant time. False for a verifier that cannot be read, and for a generated
    /// password's verifier without its <paramref name="pepper"/>.
    /// </summary>
    public static bool Verify(string verifier, ReadOnlySpan<byte> password, ReadOnlySpan<byte> pepper = default)
    {
        if (verifier.Length > 256 || verifier.Split('$') is not ["", var kind, var parameter, var saltText, var hashText])
        {
            return false;
        }

        Span<byte> salt = stackalloc byte[SaltLength];
        Span<byte> expected = stackalloc byte[HashLength];
        if (!Decode(saltText, salt) || !Decode(hashText, expected))
        {
            return false;
        }

        Span<byte> actual = stackalloc byte[HashLength];
        switch (kind)
        {
            case Slow when int.TryParse(parameter, NumberStyles.None, CultureInfo.InvariantCulture, out var rounds) && rounds is > 0 and <= MaximumRounds:
                Rfc2898DeriveBytes.Pbkdf2(password, salt, actual, rounds, HashAlgorithmName.SHA256);
                break;
            case Fast when parameter == FastVersion && !pepper.IsEmpty:
                Peppered(password, pepper, salt, actual);
                break;
            default:
                return false;
        }

        return CryptographicOperations.FixedTimeEquals(actual, expected);
    }

    private static void Peppered(ReadOnlySpan<byte> password, ReadOnlySpan<byte> pepper, ReadOnlySpan<byte> salt, Span<byte> hash)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, pepper);
        hmac.AppendData(salt);
        hmac.AppendData(password);
        hmac.GetHashAndReset(hash);
    }

    private static bool Decode(string text, Span<byte> bytes) =>
        Convert.TryFromBase64String(text, bytes, out var written) && written == bytes.Length;
}
