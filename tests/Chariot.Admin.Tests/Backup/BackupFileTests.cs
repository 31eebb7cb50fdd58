using System.Security.Cryptography;
using System.Text;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Backup;

namespace Chariot.Admin.Tests.Backup;

/// <summary>The file of a backup: what was written is read back, and everything else is refused with a code of its own.</summary>
public sealed class BackupFileTests
{
    private static readonly byte[] Json = Encoding.UTF8.GetBytes("""{"canary":"needle-in-the-json"}""");

    // Encrypting is slow on purpose: once for all tests.
    private static readonly Lazy<byte[]> s_encrypted = new(() =>
    {
        using var key = Secret("needle-in-the-key");
        using var passphrase = Secret("correct horse battery");
        return BackupFile.Write(Json, key, passphrase);
    });

    [Fact]
    public void Encrypted_IsReadBack_WithItsPassphraseOnly_AndShowsNothing()
    {
        using var passphrase = Secret("correct horse battery");
        using var content = BackupFile.Read(s_encrypted.Value, passphrase).Value;
        Assert.Equal(Json, content.Json);
        Assert.Equal("needle-in-the-key", Encoding.UTF8.GetString(content.Key!.Bytes));
        Assert.DoesNotContain("needle", Encoding.Latin1.GetString(s_encrypted.Value), StringComparison.Ordinal);

        using var wrong = Secret("correct horse batterY");
        Assert.Equal("backup.passphrase", Code(s_encrypted.Value, wrong));
        Assert.Equal("backup.passphrase-missing", Code(s_encrypted.Value, null));
    }

    [Fact]
    public void Readable_IsReadBack_AndHoldsNoKey()
    {
        using var content = BackupFile.Read(BackupFile.Write(Json, null, null), null).Value;
        Assert.Equal(Json, content.Json);
        Assert.Null(content.Key);
        using var key = Secret("key");
        Assert.Throws<ArgumentException>(() => BackupFile.Write(Json, key, null));
    }

    [Fact]
    public void TwoFilesOfOneContent_ShareNeitherSaltNorNonce()
    {
        using var passphrase = Secret("correct horse battery");
        var other = Encoding.Latin1.GetString(BackupFile.Write(Json, null, passphrase)).Split('\n')[0];
        Assert.NotEqual(Encoding.Latin1.GetString(s_encrypted.Value).Split('\n')[0], other);
    }

    [Fact]
    public void TamperedEncrypted_IsRefused_WhereverItIs()
    {
        using var passphrase = Secret("correct horse battery");
        var body = Array.IndexOf(s_encrypted.Value, (byte)'\n') + 1;
        foreach (var at in new[] { body, body + 5, s_encrypted.Value.Length - 1 })
        {
            var file = s_encrypted.Value.ToArray();
            file[at] ^= 1;
            Assert.Equal("backup.passphrase", Code(file, passphrase));
        }

        // The first line is bound too: a blank that means nothing to JSON changes the associated data.
        Assert.Equal("backup.passphrase", Code(Edit(s_encrypted.Value, "\"version\":1", "\"version\": 1"), passphrase));
    }

    [Fact]
    public void TamperedOrTruncated_IsToldApart()
    {
        var file = BackupFile.Write(Json, null, null);
        var altered = file.ToArray();
        altered[^3] ^= 1;
        Assert.Equal("backup.altered", Code(altered, null));
        Assert.Equal("backup.altered", Code([.. file, 0], null));
        using var passphrase = Secret("correct horse battery");
        Assert.Equal("backup.truncated", Code(file[..^1], null));
        Assert.Equal("backup.truncated", Code(s_encrypted.Value[..^1], passphrase));
        Assert.Equal("backup.not-a-backup", Code(file[..20], null));
    }

    [Theory]
    [InlineData("\"version\":1", "\"version\":0", "backup.version")]
    [InlineData("\"version\":1", "\"version\":2", "backup.version")]
    [InlineData("\"version\":1", "\"version\":1,\"more\":true", "backup.not-a-backup")]
    [InlineData("chariot-backup", "chariot-bucket", "backup.not-a-backup")]
    [InlineData("\"rounds\":600000", "\"rounds\":1000", "backup.kdf-cost")]
    [InlineData("\"rounds\":600000", "\"rounds\":2000000000", "backup.kdf-cost")]
    [InlineData("pbkdf2-sha256", "scrypt", "backup.encryption")]
    [InlineData("aes-256-gcm", "aes-128-ecb", "backup.encryption")]
    public void AHeaderThatIsNotOurs_IsRefused(string from, string to, string code)
    {
        using var passphrase = Secret("correct horse battery");
        Assert.Equal(code, Code(Edit(s_encrypted.Value, from, to), passphrase));
    }

    [Fact]
    public void WhateverElse_IsRefused_WithoutAnException()
    {
        foreach (var file in new[] { [], "\n"u8.ToArray(), "{}\n"u8.ToArray(), "null\n"u8.ToArray(), "[1]\n"u8.ToArray(), new byte[5000], RandomNumberGenerator.GetBytes(5000), Encoding.UTF8.GetBytes(new string('[', 900) + "\n") })
        {
            Assert.Equal("backup.not-a-backup", Code(file, null));
        }
    }

    [Fact]
    public void AShortPassphrase_IsRefused()
    {
        using var shortest = Secret("twelve chars");
        using var shorter = Secret("eleven char");
        using var bytes = Secret("äöüäöü");
        Assert.Null(Passphrase.Check(shortest));
        Assert.Equal("passphrase.length", Passphrase.Check(shorter)!.Code);
        Assert.Equal("passphrase.length", Passphrase.Check(bytes)!.Code);
    }

    private static string? Code(byte[] file, ClearSecret? passphrase)
    {
        var act = BackupFile.Read(file, passphrase);
        Assert.Equal((400, "backup-invalid"), (act.Refusal?.Status, act.Refusal?.Code));
        return Assert.Single(act.Refusal!.Findings).Code;
    }

    /// <summary>Changes the first line.</summary>
    private static byte[] Edit(byte[] file, string from, string to)
    {
        var end = Array.IndexOf(file, (byte)'\n');
        var line = Encoding.UTF8.GetString(file, 0, end);
        Assert.Contains(from, line, StringComparison.Ordinal);
        return [.. Encoding.UTF8.GetBytes(line.Replace(from, to, StringComparison.Ordinal)), .. file[end..]];
    }

    private static ClearSecret Secret(string text) => Passphrase.From(text)!;
}
