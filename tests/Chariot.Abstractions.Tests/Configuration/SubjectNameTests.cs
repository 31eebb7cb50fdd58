using Chariot.Abstractions.Configuration;

namespace Chariot.Abstractions.Tests.Configuration;

public sealed class SubjectNameTests
{
    [Fact]
    public void Write_PutsTheMostSpecificFirst_AndEscapes()
    {
        var text = SubjectName.Write([("2.5.4.6", "DE"), ("2.5.4.10", " Plant, 2 "), ("1.2.3", "#x"), ("2.5.4.3", "a+b=\"c\"")]);

        Assert.Equal("""CN=a\+b=\"c\", 1.2.3=\#x, O=\ Plant\, 2\ , C=DE""", text);
    }

    [Theory]
    [InlineData("CN=a,O=b", "CN=a, O=b")]
    [InlineData("  cn = a , o =b ", "CN=a, O=b")]
    [InlineData("2.5.4.3=a", "CN=a")]
    [InlineData("""O=x\, y,CN=a\ """, """O=x\, y, CN=a\ """)]
    [InlineData("""CN=a\+b""", """CN=a\+b""")]
    public void Text_FromElsewhere_BecomesTheFormOfWrite(string text, string expected)
    {
        Assert.True(SubjectName.TryNormalise(text, out var normal));
        Assert.Equal(expected, normal);
        Assert.True(SubjectName.TryNormalise(normal, out var again));
        Assert.Equal(normal, again);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("CN=")]
    [InlineData("CN=a,")]
    [InlineData("=a")]
    [InlineData("XX=a")]
    [InlineData("CN=a+O=b")]
    [InlineData("CN=a, CN=b")]
    [InlineData("CN=a\0")]
    [InlineData("""CN=\61""")]
    [InlineData("""CN=a\""")]
    [InlineData("CN=\"a\"")]
    public void Text_ThatNeverMatches_IsRefused(string? text) => Assert.False(SubjectName.TryNormalise(text, out _));

    [Fact]
    public void DifferentSubjects_HaveDifferentTexts()
    {
        (string, string)[][] subjects =
        [
            [("2.5.4.3", "a"), ("2.5.4.10", "b")],
            [("2.5.4.10", "b"), ("2.5.4.3", "a")],
            [("2.5.4.3", "a, O=b")],
            [("2.5.4.3", "a"), ("2.5.4.10", "b ")],
            [("2.5.4.3", "a\\"), ("2.5.4.10", "b")],
        ];

        Assert.Equal(subjects.Length, subjects.Select(subject => SubjectName.Write(subject)).Distinct().Count());
    }
}
