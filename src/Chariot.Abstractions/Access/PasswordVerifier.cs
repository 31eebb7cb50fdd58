using System.Globalization;
using System.Security.Cryptography;

namespace Chariot.Abstractions.Access;

/// <summary>
/// Creates and checks stored password verifiers. Typed passwords get a slow hash, <c>$scram-sha256$rounds$salt$storedKey$serverKey</c>;
/// generated ones (more than 160 random bits, so guessing is hopeless at any speed) a fast one under a pepper that is not in
/// the store, <c>$hmac-sha256$2$salt$hash$rounds$storedKey$serverKey</c>. Both hold what SCRAM needs (<see cref="ScramKeys"/>), from one
/// salted password. All but numbers are Base64. The older forms <c>$pbkdf2-sha256$rounds$salt$hash</c> and <c>$hmac-sha256$1$salt$hash</c> are
/// checked still, but not for SCRAM: the hash of the first is the salted password itself, with which a thief of the store could log in.
/// </summary>
public static class PasswordVerifier
{
    /// <summary>OWASP's figure for PBKDF2-HMAC-SHA256, 2023 and later: about 0.1 s of one core.</summary>
    public const int Rounds = 600_000;

    /// <summary>Purpose under which the pepper of generated passwords is derived from the master key.</summary>
    public const string PepperPurpose = "mqtt-password-pepper/v1";

    /// <summary>A stored count above this is taken as damage: a check must not hold a core for seconds.</summary>
    public const int MaximumRounds = 10_000_000;

    /// <summary>Characters of a generated password; 62 symbols each, 190 bits together.</summary>
    public const int GeneratedLength = 32;

    private const int SaltLength = ScramKeys.SaltLength;
    private const int HashLength = ScramKeys.KeyLength;
    private const int MaximumLength = 256;
    private const string Slow = "scram-sha256";
    private const string OldSlow = "pbkdf2-sha256";
    private const string Fast = "hmac-sha256";
    private const string FastVersion = "2";
    private const string OldFastVersion = "1";
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    /// <summary>A random password of <see cref="GeneratedLength"/> letters and digits.</summary>
    public static string GeneratePassword() => RandomNumberGenerator.GetString(Alphabet, GeneratedLength);

    /// <summary>Verifier of a typed password (slow hash) in its prepared form, which SCRAM clients use: call it off the I/O threads.</summary>
    public static string Create(ReadOnlySpan<byte> password)
    {
        var keys = ScramKeys.Derive(SaslPrep.Prepare(password), RandomNumberGenerator.GetBytes(SaltLength), Rounds);
        return $"${Slow}${Rounds}${Convert.ToBase64String(keys.Salt)}${Encode(keys)}";
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
        var keys = ScramKeys.Derive(password, salt, ScramKeys.MinimumRounds);
        return $"${Fast}${FastVersion}${Convert.ToBase64String(salt)}${Convert.ToBase64String(hash)}${keys.Rounds}${Encode(keys)}";
    }

    /// <summary>Whether checking against <paramref name="verifier"/> takes long enough to belong off the I/O threads.</summary>
    public static bool IsSlow(string verifier) =>
        verifier.StartsWith($"${Slow}$", StringComparison.Ordinal) || verifier.StartsWith($"${OldSlow}$", StringComparison.Ordinal);

    /// <summary>
    /// Checks <paramref name="password"/> in constant time. False for a verifier that cannot be read, and for a generated
    /// password's verifier without its <paramref name="pepper"/>.
    /// </summary>
    public static bool Verify(string verifier, ReadOnlySpan<byte> password, ReadOnlySpan<byte> pepper = default)
    {
        if (verifier.Length > MaximumLength)
        {
            return false;
        }

        return verifier.Split('$') switch
        {
            ["", Slow, ..] => ReadScram(verifier) is { } keys && VerifySlow(keys, password),
            ["", OldSlow, var rounds, var salt, var hash] => VerifyOldSlow(rounds, salt, hash, password),
            ["", Fast, FastVersion, var salt, var hash, _, _, _] => VerifyFast(salt, hash, password, pepper),
            ["", Fast, OldFastVersion, var salt, var hash] => VerifyFast(salt, hash, password, pepper),
            _ => false,
        };
    }

    /// <summary>What SCRAM needs of <paramref name="verifier"/>; null when it is of an older form, or cannot be read.</summary>
    public static ScramKeys? ReadScram(string verifier)
    {
        if (verifier.Length > MaximumLength)
        {
            return null;
        }

        return verifier.Split('$') switch
        {
            ["", Slow, var rounds, var salt, var stored, var server] => ReadKeys(rounds, salt, stored, server),
            ["", Fast, FastVersion, var salt, _, var rounds, var stored, var server] => ReadKeys(rounds, salt, stored, server),
            _ => null,
        };
    }

    /// <summary>Prepared first; verifiers that were made before passwords were prepared have the bytes as they were typed.</summary>
    private static bool VerifySlow(ScramKeys keys, ReadOnlySpan<byte> password)
    {
        ReadOnlySpan<byte> prepared = SaslPrep.Prepare(password);
        return Proves(prepared, keys) || (!prepared.SequenceEqual(password) && Proves(password, keys));
    }

    private static bool Proves(ReadOnlySpan<byte> password, ScramKeys keys) =>
        CryptographicOperations.FixedTimeEquals(ScramKeys.Derive(password, keys.Salt, keys.Rounds).StoredKey, keys.StoredKey);

    private static bool VerifyOldSlow(string roundsText, string saltText, string hashText, ReadOnlySpan<byte> password)
    {
        Span<byte> salt = stackalloc byte[SaltLength];
        Span<byte> expected = stackalloc byte[HashLength];
        if (!Decode(saltText, salt) || !Decode(hashText, expected) || !TryReadRounds(roundsText, out var rounds))
        {
            return false;
        }

        Span<byte> actual = stackalloc byte[HashLength];
        Rfc2898DeriveBytes.Pbkdf2(password, salt, actual, rounds, HashAlgorithmName.SHA256);
        return CryptographicOperations.FixedTimeEquals(actual, expected);
    }

    private static bool VerifyFast(string saltText, string hashText, ReadOnlySpan<byte> password, ReadOnlySpan<byte> pepper)
    {
        Span<byte> salt = stackalloc byte[SaltLength];
        Span<byte> expected = stackalloc byte[HashLength];
        if (pepper.IsEmpty || !Decode(saltText, salt) || !Decode(hashText, expected))
        {
            return false;
        }

        Span<byte> actual = stackalloc byte[HashLength];
        Peppered(password, pepper, salt, actual);
        return CryptographicOperations.FixedTimeEquals(actual, expected);
    }

    private static ScramKeys? ReadKeys(string roundsText, string saltText, string storedText, string serverText)
    {
        var keys = new ScramKeys(new byte[SaltLength], TryReadRounds(roundsText, out var rounds) ? rounds : 0, new byte[HashLength], new byte[HashLength]);
        return rounds > 0 && Decode(saltText, keys.Salt) && Decode(storedText, keys.StoredKey) && Decode(serverText, keys.ServerKey) ? keys : null;
    }

    private static bool TryReadRounds(string text, out int rounds) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out rounds) && rounds is > 0 and <= MaximumRounds;

    private static string Encode(ScramKeys keys) => $"{Convert.ToBase64String(keys.StoredKey)}${Convert.ToBase64String(keys.ServerKey)}";

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
