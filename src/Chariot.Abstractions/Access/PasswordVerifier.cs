using System.Security.Cryptography;

namespace Chariot.Abstractions.Access;

/// <summary>Creates and checks stored password verifiers.</summary>
public static class PasswordVerifier
{
    /// <summary>Verifier of a typed password (slow hash).</summary>
    public static string Create(ReadOnlySpan<byte> password)
    {
        var salt = RandomNumberGenerator.GetBytes(16);
        return $"$p${Convert.ToHexString(salt)}${Convert.ToHexString(Rfc2898DeriveBytes.Pbkdf2(password, salt, 600_000, HashAlgorithmName.SHA256, 32))}";
    }

    /// <summary>Verifier of a generated password: a keyed hash, since there is nothing to guess.</summary>
    public static string CreateGenerated(ReadOnlySpan<byte> password, ReadOnlySpan<byte> pepper) =>
        $"$g$-${Convert.ToHexString(HMACSHA256.HashData(pepper, password))}";

    /// <summary>32 characters, 160 bits or more.</summary>
    public static string GeneratePassword() => RandomNumberGenerator.GetString("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789", 32);

    /// <summary>Checks <paramref name="password"/> in constant time. Slow for typed passwords: call it off the I/O threads.</summary>
    public static bool Verify(string verifier, ReadOnlySpan<byte> password, ReadOnlySpan<byte> pepper)
    {
        var parts = verifier.Split('$');
        var expected = Convert.FromHexString(parts[3]);
        var actual = parts[1] == "g"
            ? HMACSHA256.HashData(pepper, password)
            : Rfc2898DeriveBytes.Pbkdf2(password, Convert.FromHexString(parts[2]), 600_000, HashAlgorithmName.SHA256, 32);
        return CryptographicOperations.FixedTimeEquals(expected, actual);
    }
}
