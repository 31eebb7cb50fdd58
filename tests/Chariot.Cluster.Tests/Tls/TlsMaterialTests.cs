using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Chariot.Abstractions.Configuration;
using Chariot.Cluster.Secrets;
using Chariot.Cluster.Tests.Secrets;
using Chariot.Cluster.Tls;

namespace Chariot.Cluster.Tests.Tls;

public sealed class TlsMaterialTests : IDisposable
{
    private static readonly TlsSettings s_default = new();
    private readonly TemporaryDirectory _directory = new();
    private readonly MasterKey _masterKey;
    private readonly SecretSealer _sealer;
    private readonly TlsMaterialFactory _factory;

    public TlsMaterialTests()
    {
        _masterKey = MasterKey.Open(_directory.File("master.key"), createWhenMissing: true);
        _sealer = new SecretSealer(_masterKey);
        _factory = new TlsMaterialFactory(_sealer, _masterKey);
    }

    private static TestPki Pki => TestPki.Shared;

    public void Dispose()
    {
        _masterKey.Dispose();
        _directory.Dispose();
    }

    public static TheoryData<string> Chains => new() { "2,1", "1,2", "2,1,root", "root,1,2", "2,1,1,2" };

    [Theory]
    [MemberData(nameof(Chains))]
    public async Task Handshake_ShowsLeafAndIntermediatesInOrder_WithoutTheRoot(string chain)
    {
        byte[][] given = [.. chain.Split(',').Select(name => name switch { "1" => Pki.First, "2" => Pki.Second, _ => Pki.Root })];
        var shown = await TestHandshake.ConnectAsync(Create(Pki.Configure(_sealer, "s", null, given)), s_default);
        Assert.Equal([Pki.Leaf, Pki.Second, Pki.First], shown.Certificates);
    }

    [Fact]
    public async Task Handshake_WithAChainCutShort_ShowsWhatWasGiven()
    {
        var shown = await TestHandshake.ConnectAsync(Create(Pki.Configure(_sealer, "s", null, Pki.Second)), s_default);
        Assert.Equal([Pki.Leaf, Pki.Second], shown.Certificates);
    }

    [Fact]
    public async Task Handshake_WithASelfSignedCertificate_ShowsOnlyIt()
    {
        var shown = await TestHandshake.ConnectAsync(Create(Pki.Configure(_sealer, "s", Pki.SelfSigned)), s_default);
        Assert.Equal([Pki.SelfSigned], shown.Certificates);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Handshake_OnAMachineWhoseStoreKnowsAnotherPath_ShowsWhatWasGiven(bool replaced)
    {
        byte[][] store = replaced ? [Pki.FirstAgain, Pki.Root] : [Pki.CrossSignedRoot, Pki.Elder];
        Assert.Equal([Pki.Leaf, Pki.Second, Pki.First], await ServedChainProbe.StartAsync(_directory.Path, Pki, store));
    }

    [Theory]
    [InlineData("1.2", SslProtocols.Tls12)]
    [InlineData("1.2", SslProtocols.Tls13)]
    [InlineData("1.3", SslProtocols.Tls13)]
    public async Task Handshake_WithAnAllowedVersion_UsesIt(string minimum, SslProtocols version)
    {
        var shown = await TestHandshake.ConnectAsync(Create(), new TlsSettings { MinVersion = minimum }, version);
        Assert.Equal(version, shown.Protocol);
    }

    [Theory]
#pragma warning disable SYSLIB0039, CA5397 // The refused version is the point.
    [InlineData("1.2", SslProtocols.Tls11)]
    [InlineData("1.3", SslProtocols.Tls11)]
#pragma warning restore SYSLIB0039, CA5397
    [InlineData("1.3", SslProtocols.Tls12)]
    public async Task Handshake_WithAnOlderVersion_IsRefused(string minimum, SslProtocols version)
    {
        var material = Create();
        await Assert.ThrowsAnyAsync<Exception>(() => TestHandshake.ConnectAsync(material, new TlsSettings { MinVersion = minimum }, version));
    }

    [Theory]
    [InlineData(TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256)]
    [InlineData(TlsCipherSuite.TLS_RSA_WITH_AES_128_GCM_SHA256)]
    public async Task Handshake_WithCbcOrRsaKeyExchange_IsRefused(TlsCipherSuite suite)
    {
        var material = Create();
        await Assert.ThrowsAsync<AuthenticationException>(() => TestHandshake.ConnectAsync(material, s_default, SslProtocols.Tls12, suite));
    }

    [Theory]
    [InlineData(TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)]
    [InlineData(TlsCipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256)]
    public async Task Handshake_WithAnAllowedSuite_UsesIt(TlsCipherSuite suite)
    {
        var shown = await TestHandshake.ConnectAsync(Create(), s_default, SslProtocols.Tls12, suite);
        Assert.Equal(suite, shown.Suite);
    }

    [Theory]
    [InlineData("mqtt")]
    [InlineData("h2")]
    [InlineData(null)]
    public async Task Handshake_ForMqtt_IgnoresWhatTheClientOffersByAlpn(string? offer)
    {
        var shown = await TestHandshake.ConnectAsync(Create(), s_default, protocol: offer);
        Assert.Equal("", shown.Alpn);
    }

    [Fact]
    public void Options_ForHttps_OfferHttp2AndHttp11_AndNothingUnsafe()
    {
        var options = ServerTlsOptions.ForHttps(Create(), s_default);
        Assert.Equal([SslApplicationProtocol.Http2, SslApplicationProtocol.Http11], options.ApplicationProtocols);
        Assert.False(options.AllowRenegotiation);
        Assert.False(options.ClientCertificateRequired);
        Assert.Equal(X509RevocationMode.NoCheck, options.CertificateRevocationCheckMode);
    }

    [Fact]
    public void Create_UnderAnotherMasterKey_NamesTheFile()
    {
        using var other = MasterKey.Open(_directory.File("other.key"), createWhenMissing: true);
        var result = new TlsMaterialFactory(new SecretSealer(other), other).Create(Pki.Configure(_sealer, "s"));
        Assert.Null(result.Material);
        Assert.Contains(other.File, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_WithTheKeyOfAnotherSetup_IsRefused()
    {
        var result = _factory.Create(Pki.Configure(_sealer, "one") with { SetupId = "two" });
        Assert.Null(result.Material);
        Assert.NotNull(result.Error);
    }

    [Fact]
    public void Create_WithAKeyThatDoesNotBelong_OrACertificateThatCannotBeRead_IsRefused()
    {
        var ssl = Pki.Configure(_sealer, "s");
        foreach (var certificate in new[] { Pki.First, [1, 2, 3] })
        {
            var result = _factory.Create(ssl with { Certificate = certificate });
            Assert.Null(result.Material);
            Assert.NotNull(result.Error);
        }
    }

    [Fact]
    public void Create_GivesTheFingerprintOfTheLeaf() => Assert.Equal(TestPki.Fingerprint(Pki.Leaf), Create().Fingerprint);

    [Theory]
    [InlineData("1.2")]
    [InlineData("1.3")]
    public async Task SelfTest_OfAGoodCertificate_Passes(string minimum) =>
        Assert.Null(await TlsSelfTest.RunAsync(Create(), new TlsSettings { MinVersion = minimum }, CancellationToken.None));

    [Fact]
    public async Task SelfTest_OfAContextThatServesAnotherCertificate_Fails()
    {
        var material = Create();
        var other = Create(Pki.Configure(_sealer, "t", Pki.SelfSigned));
        var mixed = new TlsMaterial("s", material.Fingerprint, other.Context, material.Certificate);
        var error = await TlsSelfTest.RunAsync(mixed, s_default, CancellationToken.None);
        Assert.Contains("handshake", error, StringComparison.Ordinal);
    }

    private TlsMaterial Create(SslConfiguration? ssl = null)
    {
        var result = _factory.Create(ssl ?? Pki.Configure(_sealer, "s"));
        Assert.Null(result.Error);
        return result.Material!;
    }
}
