using System.Security.Cryptography;
using Chariot.Abstractions.Configuration;
using Chariot.Cluster.Secrets;

namespace Chariot.Cluster.Tests.Secrets;

public sealed class SecretSealerTests : IDisposable
{
    private static readonly byte[] s_clear = [.. Enumerable.Range(0, 1000).Select(i => (byte)i)];
    private readonly TemporaryDirectory _directory = new();
    private readonly MasterKey _masterKey;
    private readonly SecretSealer _sealer;

    public SecretSealerTests()
    {
        _masterKey = MasterKey.Open(_directory.File("master.key"), createWhenMissing: true);
        _sealer = new SecretSealer(_masterKey);
    }

    public void Dispose()
    {
        _masterKey.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1000)]
    public void Open_OfASealedSecret_GivesItBack(int length)
    {
        var secret = _sealer.Seal(s_clear.AsSpan(0, length), "setup-1");
        using var clear = _sealer.Open(secret, "setup-1");
        Assert.Equal(s_clear.AsSpan(0, length), clear.Bytes);
    }

    [Fact]
    public void Seal_OfTheSameBytesTwice_SharesNothing()
    {
        var one = _sealer.Seal(s_clear, "setup-1");
        var two = _sealer.Seal(s_clear, "setup-1");
        Assert.NotEqual(one.WrappedKey, two.WrappedKey);
        Assert.NotEqual(one.Nonce, two.Nonce);
        Assert.NotEqual(one.Ciphertext, two.Ciphertext);
        Assert.Equal(-1, one.Ciphertext.AsSpan().IndexOf(s_clear.AsSpan(0, 8)));
    }

    [Fact]
    public void Open_WithOtherAssociatedData_IsRefused()
    {
        var secret = _sealer.Seal(s_clear, "setup-1");
        Assert.ThrowsAny<CryptographicException>(() => _sealer.Open(secret, "setup-2"));
    }

    [Fact]
    public void Open_UnderAnotherMasterKey_IsRefused()
    {
        using var other = MasterKey.Open(_directory.File("other.key"), createWhenMissing: true);
        var secret = _sealer.Seal(s_clear, "setup-1");
        Assert.ThrowsAny<CryptographicException>(() => new SecretSealer(other).Open(secret, "setup-1"));
    }

    [Fact]
    public void Open_WithAnyAlteredByte_IsRefused()
    {
        var secret = _sealer.Seal(s_clear.AsSpan(0, 8), "setup-1");
        foreach (var part in new[] { secret.WrappedKey, secret.Nonce, secret.Ciphertext })
        {
            for (var i = 0; i < part.Length; i++)
            {
                part[i] ^= 1;
                Assert.ThrowsAny<CryptographicException>(() => _sealer.Open(secret, "setup-1"));
                part[i] ^= 1;
            }
        }

        _sealer.Open(secret, "setup-1").Dispose();
    }

    [Fact]
    public void Open_WithTheDataKeyOfAnotherSecret_IsRefused()
    {
        var one = _sealer.Seal(s_clear, "setup-1");
        var two = _sealer.Seal(s_clear, "setup-1");
        Assert.ThrowsAny<CryptographicException>(() => _sealer.Open(one with { WrappedKey = two.WrappedKey }, "setup-1"));
    }

    [Fact]
    public void Open_OfACutSecret_IsRefused()
    {
        var secret = _sealer.Seal(s_clear, "setup-1");
        Assert.ThrowsAny<CryptographicException>(() => _sealer.Open(secret with { WrappedKey = secret.WrappedKey[..^1] }, "setup-1"));
        Assert.ThrowsAny<CryptographicException>(() => _sealer.Open(secret with { Nonce = [] }, "setup-1"));
        Assert.ThrowsAny<CryptographicException>(() => _sealer.Open(secret with { Ciphertext = secret.Ciphertext[..8] }, "setup-1"));
    }

    [Fact]
    public void Derive_DependsOnMasterKeyAndPurposeOnly()
    {
        using var same = MasterKey.Open(_masterKey.File, createWhenMissing: false);
        using var other = MasterKey.Open(_directory.File("other.key"), createWhenMissing: true);
        var key = _sealer.Derive("pepper");

        Assert.Equal(32, key.Length);
        Assert.Equal(key, new SecretSealer(same).Derive("pepper"));
        Assert.NotEqual(key, _sealer.Derive("other"));
        Assert.NotEqual(key, new SecretSealer(other).Derive("pepper"));
    }

    [Fact]
    public void Seal_AndOpen_OnManyThreads_Work() =>
        Parallel.For(0, 200, i =>
        {
            var name = "setup-" + i;
            using var clear = _sealer.Open(_sealer.Seal(s_clear, name), name);
            Assert.True(clear.Bytes.SequenceEqual(s_clear));
        });

    [Fact]
    public void Derive_WithAKnownMasterKey_StaysWhatItIs()
    {
        // Stored secrets of earlier versions depend on these bytes.
        var path = _directory.File("known.key");
        using (MasterKey.Open(path, createWhenMissing: true))
        {
        }

        File.WriteAllText(path, Convert.ToBase64String(new byte[32]));
        using var known = MasterKey.Open(path, createWhenMissing: false);
        var expected = HKDF.DeriveKey(HashAlgorithmName.SHA256, new byte[32], 32, info: "chariot/derive/v1/pepper"u8.ToArray());
        Assert.Equal(expected, new SecretSealer(known).Derive("pepper"));
    }
}
