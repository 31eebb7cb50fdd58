using Chariot.Abstractions.Configuration;

namespace Chariot.Abstractions.Tests.Configuration;

public sealed class SerialNumbersTests
{
    [Fact]
    public void Set_HoldsWhatWasPacked_OnceAndWhateverItsLeadingZeros_AndNothingElse()
    {
        var random = new Random(17);
        var serials = Enumerable.Range(0, 500).Select(_ =>
        {
            var serial = new byte[1 + random.Next(20)];
            random.NextBytes(serial);
            return serial;
        }).ToList();

        var set = SerialNumbers.Pack(serials.Concat(serials.Select(serial => (byte[])[0, 0, .. serial])));

        Assert.All(serials, serial => Assert.True(SerialNumbers.Contains(set, serial) && SerialNumbers.Contains(set, [0, .. serial])));
        Assert.Equal(serials.Select(serial => SerialNumbers.Format(serial)).Distinct().Count(), SerialNumbers.Count(set));
        Assert.Equal(serials.Select(serial => SerialNumbers.Format(serial)).ToHashSet(), SerialNumbers.Unpack(set).Select(serial => SerialNumbers.Format(serial)).ToHashSet());
        var known = serials.Select(serial => SerialNumbers.Format(serial)).ToHashSet();
        for (var i = 0; i < 500; i++)
        {
            var other = new byte[1 + random.Next(20)];
            random.NextBytes(other);
            Assert.Equal(known.Contains(SerialNumbers.Format(other)), SerialNumbers.Contains(set, other));
        }
    }

    [Fact]
    public void Prefix_OfASerialNumber_IsAnotherOne()
    {
        var set = SerialNumbers.Pack([[1, 0]]);

        Assert.False(SerialNumbers.Contains(set, [1]));
        Assert.False(SerialNumbers.Contains(set, [1, 0, 0]));
        Assert.False(SerialNumbers.Contains(set, new byte[21]) && SerialNumbers.Contains(set, [1, .. new byte[20]]));
        Assert.False(SerialNumbers.Contains([], [1]));
    }

    [Theory]
    [InlineData("0A:ff", "0aff")]
    [InlineData("abc", "0abc")]
    [InlineData("00", "00")]
    [InlineData("000001", "01")]
    [InlineData("0000000000000000000000000000000000000000000001", "01")]
    public void Text_OfAnyCommonForm_IsRead(string text, string expected)
    {
        Assert.True(SerialNumbers.TryParse(text, out var serial));
        Assert.Equal(expected, SerialNumbers.Format(serial));
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("0x12")]
    [InlineData("12 34")]
    [InlineData("-1")]
    [InlineData("010203040506070809101112131415161718192021")]
    public void Text_ThatIsNoSerialNumber_IsRefused(string? text) => Assert.False(SerialNumbers.TryParse(text, out _));
}
