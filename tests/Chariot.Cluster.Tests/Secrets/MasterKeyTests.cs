using System.Runtime.Versioning;
using Chariot.Cluster.Secrets;

namespace Chariot.Cluster.Tests.Secrets;

public sealed class MasterKeyTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Open_OfAMissingFile_CreatesItForTheOwnerOnly_AndReadsTheSameKeyAgain()
    {
        var path = _directory.File("data/master.key");
        using var created = MasterKey.Open(path, createWhenMissing: true);
        using var again = MasterKey.Open(path, createWhenMissing: false);

        Assert.True(created.Bytes.SequenceEqual(again.Bytes));
        Assert.False(created.Bytes.SequenceEqual(new byte[MasterKey.Length]));
        Assert.Equal([path], Directory.GetFiles(_directory.File("data")));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        }
    }

    [Fact]
    public void Open_NeverReplacesAnExistingKey()
    {
        var path = _directory.File("master.key");
        using var first = MasterKey.Open(path, createWhenMissing: true);
        using var second = MasterKey.Open(path, createWhenMissing: true);
        Assert.True(first.Bytes.SequenceEqual(second.Bytes));
    }

    [Fact]
    public async Task Open_ByManyAtOnce_AgreesOnOneKey()
    {
        var path = _directory.File("master.key");
        var keys = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            using var key = MasterKey.Open(path, createWhenMissing: true);
            return Convert.ToHexString(key.Bytes);
        })));
        Assert.Single(keys.Distinct());
    }

    [Fact]
    public void Open_OfAMissingFile_ThatMayNotBeCreated_NamesTheFile()
    {
        var path = _directory.File("nowhere/master.key");
        var error = Assert.Throws<MasterKeyException>(() => MasterKey.Open(path, createWhenMissing: false));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains("missing", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_OfADirectory_NamesIt()
    {
        var error = Assert.Throws<MasterKeyException>(() => MasterKey.Open(_directory.Path, createWhenMissing: true));
        Assert.Contains(_directory.Path, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.OtherWrite)]
    [UnsupportedOSPlatform("windows")]
    public void Open_OfAFileThatOthersMayUse_IsRefused(UnixFileMode extra)
    {
        var path = _directory.File("master.key");
        MasterKey.Open(path, createWhenMissing: true).Dispose();
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | extra);

        var error = Assert.Throws<MasterKeyException>(() => MasterKey.Open(path, createWhenMissing: true));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains("chmod 600", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void Open_OfAReadOnlyFile_IsAllowed()
    {
        var path = _directory.File("master.key");
        MasterKey.Open(path, createWhenMissing: true).Dispose();
        File.SetUnixFileMode(path, UnixFileMode.UserRead);
        MasterKey.Open(path, createWhenMissing: false).Dispose();
    }

    public static TheoryData<string> Malformed => new()
    {
        "",
        "# only a comment\n",
        "not base64 at all!\n",
        Convert.ToBase64String(new byte[31]),
        Convert.ToBase64String(new byte[33]),
        Convert.ToBase64String(new byte[32]) + "\n" + Convert.ToBase64String(new byte[32]),
        Convert.ToBase64String(new byte[32]) + " trailing",
        Convert.ToBase64String(new byte[32]) + new string('\n', 5000),
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public void Open_OfAMalformedFile_IsRefused_WithoutQuotingIt(string content)
    {
        var path = Write(content);
        var error = Assert.Throws<MasterKeyException>(() => MasterKey.Open(path, createWhenMissing: true));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains("malformed", error.Message, StringComparison.Ordinal);
        Assert.Equal(content, File.ReadAllText(path));
    }

    [Fact]
    public void Open_AcceptsWindowsLineEndingsAndNoComment()
    {
        var bytes = Enumerable.Range(1, 32).Select(i => (byte)i).ToArray();
        using var key = MasterKey.Open(Write(Convert.ToBase64String(bytes) + "\r\n"), createWhenMissing: false);
        Assert.Equal(bytes, key.Bytes);
    }

    [Fact]
    public void Dispose_WipesTheKey()
    {
        var key = MasterKey.Open(_directory.File("master.key"), createWhenMissing: true);
        key.Dispose();
        Assert.Equal(new byte[MasterKey.Length], key.Bytes);
        Assert.Equal("***", key.ToString());
    }

    private string Write(string content)
    {
        var path = _directory.File("master.key");
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using var writer = new StreamWriter(path, options);
        writer.Write(content);
        return path;
    }
}
