namespace Chariot.Abstractions.Access;

/// <summary>Creates and checks stored password verifiers.</summary>
public static class PasswordVerifier
{
    /// <summary>Verifier of a typed password (slow hash).</summary>
    public static string Create(ReadOnlySpan<byte> password) => throw new NotSupportedException();

    /// <summary>Checks <paramref name="password"/> in constant time. Slow for typed passwords: call it off the I/O threads.</summary>
    public static bool Verify(string verifier, ReadOnlySpan<byte> password) => throw new NotSupportedException();
}
