using System.Security.Cryptography;
using System.Text;
using Chariot.Abstractions.Access;

namespace Chariot.Abstractions.Tests.Access;

public class PasswordVerifierTests
{
    private static readonly byte[] Pepper = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    [Fact]
    public void Create_UsesTheFullRoundsAndVerifies()
    {
        var verifier = PasswordVerifier.Create("correct horse"u8);

        Assert.StartsWith("$pbkdf2-sha256$600000$", verifier);
        Assert.DoesNotContain("horse", verifier);
        Assert.True(PasswordVerifier.IsSlow(verifier));
        Assert.True(PasswordVerifier.Verify(verifier, "correct horse"u8));
    }

    [Fact]
    public void Verify_ReadsTheRoundsFromTheVerifier()
    {
        var verifier = LowRounds("pw", 7);

        Assert.True(PasswordVerifier.Verify(verifier, "pw"u8));
        Assert.False(PasswordVerifier.Verify(verifier, "pW"u8));
        Assert.False(PasswordVerifier.Verify(verifier, ""u8));
        Assert.False(PasswordVerifier.Verify(verifier.Replace("$7$", "$8$"), "pw"u8));
    }

    [Fact]
    public void Generated_NeedsItsPepper()
    {
        var password = PasswordVerifier.GeneratePassword();
        var bytes = Encoding.UTF8.GetBytes(password);
        var verifier = PasswordVerifier.CreateGenerated(bytes, Pepper);

        Assert.Equal(32, password.Length);
        Assert.NotEqual(password, PasswordVerifier.GeneratePassword());
        Assert.False(PasswordVerifier.IsSlow(verifier));
        Assert.True(PasswordVerifier.Verify(verifier, bytes, Pepper));
        Assert.False(PasswordVerifier.Verify(verifier, bytes));
        Assert.False(PasswordVerifier.Verify(verifier, bytes, new byte[32]));
        Assert.False(PasswordVerifier.Verify(verifier, bytes.AsSpan(1), Pepper));
    }

    [Fact]
    public void Verifiers_OfOnePassword_Differ() =>
        Assert.NotEqual(PasswordVerifier.CreateGenerated("p"u8, Pepper), PasswordVerifier.CreateGenerated("p"u8, Pepper));

    [Theory]
    [InlineData("")]
    [InlineData("pw")]
    [InlineData("$$$$")]
    [InlineData("$pbkdf2-sha256$7$AAAA$AAAA")]
    [InlineData("$pbkdf2-sha256$0$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]
    [InlineData("$pbkdf2-sha256$-1$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]
    [InlineData("$pbkdf2-sha256$2000000000$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]
    [InlineData("$hmac-sha256$2$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]
    [InlineData("$argon2id$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]
    [InlineData("$pbkdf2-sha256$7$????????????????????????$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]
    public void Verify_OfABadVerifier_IsFalse(string verifier) =>
        Assert.False(PasswordVerifier.Verify(verifier, "pw"u8, Pepper));

    private static string LowRounds(string password, int rounds)
    {
        var salt = RandomNumberGenerator.GetBytes(16);
        var hash = Rfc2898DeriveBytes.Pbkdf2(password, salt, rounds, HashAlgorithmName.SHA256, 32);
        return $"$pbkdf2-sha256${rounds}${Convert.ToBase64String(salt)}${Convert.ToBase64String(hash)}";
    }
}
