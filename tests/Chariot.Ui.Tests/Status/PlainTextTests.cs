using System.Text;
using Chariot.Ui.Components;
using Chariot.Ui.Status;

namespace Chariot.Ui.Tests.Status;

public sealed class PlainTextTests
{
    [Theory]
    [InlineData("plant/press 7", "plant/press 7")]
    [InlineData("größe/温度/🌡", "größe/温度/🌡")]
    [InlineData("a\u0000b\u001B\u007F", "a\\u{0000}b\\u{001B}\\u{007F}")]
    [InlineData("\u202Egpj.exe\u2066", "\\u{202E}gpj.exe\\u{2066}")]
    [InlineData("a\u200Bb\uFEFFc\u2028d", "a\\u{200B}b\\u{FEFF}c\\u{2028}d")]
    public void Visible_ShowsWhatHidesAndTurns(string text, string shown) => Assert.Equal(shown, PlainText.Visible(text));

    [Fact]
    public void Visible_IsCut() => Assert.Equal("🌡🌡…", PlainText.Visible("🌡🌡🌡", 2));

    [Fact]
    public void Json_IsIndented_AndOnlyJson()
    {
        Assert.Equal("{\n  \"a\": \"<b>\"\n}", PayloadText.Of("{\"a\":\"<b>\"}"u8.ToArray(), PayloadForm.Json).Text);
        foreach (var bad in new[] { "{", "{\"a\":1}x", "{\"a\":\"\\ud800\"}", "" })
        {
            Assert.NotNull(PayloadText.Of(Encoding.UTF8.GetBytes(bad), PayloadForm.Json).Problem);
        }

        Assert.NotNull(PayloadText.Of([(byte)'"', 0xFF, (byte)'"'], PayloadForm.Json).Problem);
    }

    [Fact]
    public void Best_IsWhatSaysMost()
    {
        Assert.Equal(PayloadForm.Json, PayloadText.Best(" [1]"u8.ToArray()));
        Assert.Equal(PayloadForm.Text, PayloadText.Best("[1"u8.ToArray()));
        Assert.Equal(PayloadForm.Text, PayloadText.Best("71.5"u8.ToArray()));
        Assert.Equal(PayloadForm.Hex, PayloadText.Best([0xC3, 0x28]));
    }

    [Fact]
    public void LargeText_IsCutBetweenCharacters()
    {
        var text = PayloadText.Of(Encoding.UTF8.GetBytes("x" + new string('é', 100_000)), PayloadForm.Text);
        Assert.Null(text.Problem);
        Assert.EndsWith("é", text.Text);
        Assert.Contains("of 195 KiB", text.Cut);
    }

    [Fact]
    public void Hex_HasOffsetsAndCharacters()
    {
        var lines = PayloadText.Of([.. Enumerable.Range(0x30, 20).Select(i => (byte)i)], PayloadForm.Hex).Text.Split('\n');
        Assert.Equal("000000  30 31 32 33 34 35 36 37  38 39 3a 3b 3c 3d 3e 3f  0123456789:;<=>?", lines[0]);
        Assert.StartsWith("000010  40 41 42 43", lines[1]);
        Assert.EndsWith("@ABC", lines[1]);
    }

    [Fact]
    public void Quantities_ReadWell()
    {
        Assert.Equal("1 byte", Quantity.Bytes(1));
        Assert.Equal("1.5 KiB", Quantity.Bytes(1536));
        Assert.Equal("0/s", Quantity.Rate(0));
        Assert.Equal("0.5/s", Quantity.Rate(0.5));
        Assert.Equal("12,345/s", Quantity.Rate(12345.4));
        Assert.Equal("1 hour", Quantity.Duration(TimeSpan.FromHours(1)));
        Assert.Equal("2 days 3 hours", Quantity.Duration(new TimeSpan(2, 3, 4, 5)));
        Assert.Equal("0 seconds", Quantity.Duration(TimeSpan.Zero));
    }
}
