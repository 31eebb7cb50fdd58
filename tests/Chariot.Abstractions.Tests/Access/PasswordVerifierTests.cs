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

        Assert.StartsWith("$scram-sha256$600000$", verifier);
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

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Verifier_HoldsTheScramKeysOfItsPassword(bool generated)
    {
        var verifier = generated ? PasswordVerifier.CreateGenerated("pw"u8, Pepper) : PasswordVerifier.Create("pw"u8);

        var keys = PasswordVerifier.ReadScram(verifier);

        Assert.NotNull(keys);
        Assert.Equal(generated ? 4096 : 600_000, keys.Rounds);
        var again = ScramKeys.Derive("pw"u8, keys.Salt, keys.Rounds);
        Assert.Equal(again.StoredKey, keys.StoredKey);
        Assert.Equal(again.ServerKey, keys.ServerKey);
        Assert.InRange(verifier.Length, 1, 256);
    }

    [Fact]
    public void ScramKeys_AreThoseOfRfc7677()
    {
        // Section 3: user "user", password "pencil"; the signatures of its exchange follow from these keys (ScramExchangeTests).
        var keys = ScramKeys.Derive("pencil"u8, Convert.FromBase64String("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096);

        Assert.Equal("WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=", Convert.ToBase64String(keys.StoredKey));
        Assert.Equal("wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=", Convert.ToBase64String(keys.ServerKey));
    }

    [Fact]
    public void OlderForms_AreNotGoodForScram()
    {
        Assert.Null(PasswordVerifier.ReadScram(LowRounds("pw", 7)));
        Assert.Null(PasswordVerifier.ReadScram("$hmac-sha256$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
        Assert.Null(PasswordVerifier.ReadScram("$scram-sha256$0$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
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
