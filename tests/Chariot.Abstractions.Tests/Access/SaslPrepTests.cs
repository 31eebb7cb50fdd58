using System.Text;
using Chariot.Abstractions.Access;

namespace Chariot.Abstractions.Tests.Access;

public class SaslPrepTests
{
    [Theory]
    // RFC 4013 section 3.
    [InlineData("I\u00ADX", "IX")]
    [InlineData("user", "user")]
    [InlineData("USER", "USER")]
    [InlineData("\u00AA", "a")]
    [InlineData("\u2168", "IX")]
    [InlineData("\u0007", null)]
    [InlineData("\u0627\u0031", null)]
    // Spaces, and what is mapped to nothing.
    [InlineData("a\u00A0b\u3000c", "a b c")]
    [InlineData("a\u200Db\uFEFF", "ab")]
    [InlineData("\u00AD", null)]
    [InlineData("", null)]
    // Composed, decomposed, marks out of order, and a mark that is blocked.
    [InlineData("Ame\u0301lie", "Am\u00E9lie")]
    [InlineData("\u1E9B\u0323", "\u1E69")]
    [InlineData("a\u0323\u0302", "\u1EAD")]
    [InlineData("a\u0302\u0323", "\u1EAD")]
    [InlineData("a\u0302\u0301", "\u1EA5")]
    [InlineData("a\u0323\u0323\u0302", "\u1EAD\u0323")]
    [InlineData("a\u0301\u0302", "\u00E1\u0302")]
    [InlineData("\u0344", "\u0308\u0301")]
    [InlineData("\uFB01x\uFF21", "fixA")]
    [InlineData("\u212B", "\u00C5")]
    // Hangul.
    [InlineData("\u1112\u1161\u11AB", "\uD55C")]
    [InlineData("\uD558\u11AB", "\uD55C")]
    [InlineData("\uAC00", "\uAC00")]
    // Prohibited, and right to left.
    [InlineData("a\u0340b", "\u00E0b")]
    [InlineData("a\uE000", null)]
    [InlineData("a\uFFFD", null)]
    [InlineData("a\u202E", null)]
    [InlineData("a\u0085", null)]
    [InlineData("\u05D0\u05D1", "\u05D0\u05D1")]
    [InlineData("\u05D0a\u05D1", null)]
    [InlineData("\u05D01\u05D1", "\u05D01\u05D1")]
    [InlineData("\U0001F511 key", "\U0001F511 key")]
    public void Text_IsPrepared_OrRefused(string text, string? expected)
    {
        Assert.Equal(expected is null ? null : Escaped(expected), SaslPrep.TryPrepare(text) is { } prepared ? Escaped(prepared) : null);
    }

    [Fact]
    public void Bytes_ThatHaveNoPreparedForm_StayWhatTheyAre()
    {
        foreach (var bytes in new byte[][] { [0xC0, 0x80], [7], Encoding.UTF8.GetBytes("\u0627\u0031") })
        {
            Assert.Equal(bytes, SaslPrep.Prepare(bytes));
        }
    }

    [Fact]
    public void Password_IsTheSame_HoweverItWasTyped_AndForVerifiersOfBefore()
    {
        var verifier = PasswordVerifier.Create(Encoding.UTF8.GetBytes("Ame\u0301lie \u2168"));

        Assert.True(PasswordVerifier.Verify(verifier, Encoding.UTF8.GetBytes("Am\u00E9lie\u00A0IX")));
        Assert.False(PasswordVerifier.Verify(verifier, Encoding.UTF8.GetBytes("Amelie IX")));
        Assert.Equal(
            PasswordVerifier.ReadScram(verifier)!.StoredKey,
            ScramKeys.Derive(Encoding.UTF8.GetBytes("Am\u00E9lie IX"), PasswordVerifier.ReadScram(verifier)!.Salt, PasswordVerifier.Rounds).StoredKey);

        var unprepared = Encoding.UTF8.GetBytes("Ame\u0301lie");
        var keys = ScramKeys.Derive(unprepared, new byte[16], 4096);
        var old = $"$scram-sha256$4096${Convert.ToBase64String(keys.Salt)}${Convert.ToBase64String(keys.StoredKey)}${Convert.ToBase64String(keys.ServerKey)}";
        Assert.True(PasswordVerifier.Verify(old, unprepared));
    }

    private static string Escaped(string text) => string.Join(' ', text.EnumerateRunes().Select(rune => $"{rune.Value:X4}"));
}
