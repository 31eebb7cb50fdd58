using System.Security.Cryptography;
using Chariot.Admin.Http;
using Chariot.Admin.Tests.Kit;
using Microsoft.AspNetCore.DataProtection;

namespace Chariot.Admin.Tests.Http;

public sealed class SealedDataProtectionTests
{
    [Fact]
    public void WhatOneHostProtects_AnotherWithTheSameMasterKeyReads()
    {
        var sealer = new FakeSealer();
        var written = new SealedDataProtection(sealer).CreateProtector("a", "b").Protect("token");

        Assert.Equal("token", new SealedDataProtection(sealer).CreateProtector("a").CreateProtector("b").Unprotect(written));
        Assert.ThrowsAny<CryptographicException>(() => new SealedDataProtection(new FakeSealer()).CreateProtector("a", "b").Unprotect(written));
    }

    [Fact]
    public void Purposes_DoNotReadEachOther()
    {
        var provider = new SealedDataProtection(new FakeSealer());
        var written = provider.CreateProtector("a", "b/1:c").Protect("token");

        foreach (var other in new[] { provider.CreateProtector("a"), provider.CreateProtector("a", "b"), provider.CreateProtector("a", "b", "c"), provider.CreateProtector("b/1:c", "a") })
        {
            Assert.ThrowsAny<CryptographicException>(() => other.Unprotect(written));
        }
    }

    [Fact]
    public void AlteredOrShortData_IsRefused()
    {
        var protector = new SealedDataProtection(new FakeSealer()).CreateProtector("a");
        var written = protector.Protect([1, 2, 3]);
        written[^1] ^= 1;

        Assert.ThrowsAny<CryptographicException>(() => protector.Unprotect(written));
        Assert.ThrowsAny<CryptographicException>(() => protector.Unprotect([1, 2, 3]));
    }
}
