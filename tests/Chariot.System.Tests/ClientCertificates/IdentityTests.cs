using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Chariot.TestKit.Certificates;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.ClientCertificates;

/// <summary>Whose a certificate is: a mapped credential's rights, its password's, or those of anybody.</summary>
public sealed class IdentityTests(ClientCertificateFixture fixture) : IClassFixture<ClientCertificateFixture>, IAsyncLifetime
{
    private const string Denied = "nobody";

    private readonly string _user = Unique.Name("device");
    private readonly string _other = Unique.Name("other");

    public async Task InitializeAsync()
    {
        await fixture.SetPolicyAsync("optional");
        await fixture.Admin.SetAnonymousAsync(true);
        await fixture.Admin.CreateCredentialAsync(_user, "device-password", ["device/#"], ["device/#"]);
        await fixture.Admin.CreateCredentialAsync(_other, "other-password", ["other/#"], ["other/#"]);
    }

    public async Task DisposeAsync()
    {
        (await fixture.MapAsync()).EnsureSuccess();
        await fixture.Admin.SetAnonymousAsync(true);
    }

    [Theory]
    [InlineData("cn")]
    [InlineData("subject")]
    [InlineData("san-dns")]
    [InlineData("san-uri")]
    public async Task MappedCertificate_GetsTheRightsOfItsCredential(string match)
    {
        var name = Unique.Name("device");
        using var certificate = fixture.Root.Issue(TestClientAuthority.Subject([("2.5.4.10", TestClientAuthority.Utf8("Plant, 2"))], [("2.5.4.3", TestClientAuthority.Utf8(name))]), request =>
        {
            var names = new SubjectAlternativeNameBuilder();
            names.AddDnsName(name + ".plant.example");
            names.AddUri(new Uri("urn:plant:" + name));
            request.CertificateExtensions.Add(names.Build());
        });
        var value = match switch
        {
            "cn" => name,
            "subject" => $"CN={name},O=Plant\\, 2",
            "san-dns" => name + ".plant.example",
            _ => "urn:plant:" + name,
        };
        (await fixture.MapAsync(Mapping(match, value, _user))).EnsureSuccess();

        await using var client = await fixture.ConnectAsync(name, certificate);

        Assert.Equal(0, await client.SubscribeAsync("device/1"));
        Assert.Equal(0x87, await client.SubscribeAsync("elsewhere/1"));
        Assert.Equal(0x87, await client.PublishAsync("elsewhere/1", "no", 1));
        var shown = (await fixture.Admin.GetAsync("clients/" + name)).EnsureSuccess().Body!;
        Assert.Equal(_user, (string?)shown["username"]);
        Assert.Equal(TestClientAuthority.SerialOf(certificate), (string?)shown["certificate"]!["serialNumber"]);
        Assert.Equal($"CN={name}, O=Plant\\, 2", (string?)shown["certificate"]!["subject"]);
        Assert.Equal(certificate.NotAfter.ToUniversalTime(), (DateTime)shown["certificate"]!["notAfter"]!);
        Assert.Equal(Convert.ToHexStringLower(certificate.GetCertHash(System.Security.Cryptography.HashAlgorithmName.SHA256)), (string?)shown["certificate"]!["sha256Fingerprint"]);
    }

    [Fact]
    public async Task MappedCertificate_OverWebSocket_GetsTheRightsOfItsCredential()
    {
        var name = Unique.Name("device");
        using var certificate = fixture.Root.Issue(name);
        (await fixture.MapAsync(Mapping("cn", name, _user))).EnsureSuccess();

        using var client = await fixture.ConnectWebSocketAsync(name, certificate);

        Assert.Equal(_user, (string?)(await fixture.Admin.GetAsync("clients/" + name)).EnsureSuccess().Body!["username"]);
        await client.SubscribeAsync("device/1");
    }

    [Fact]
    public async Task UnmappedCertificate_IsAnonymous_AndRefusedWhereAnonymousIs()
    {
        var name = Unique.Name("unmapped");
        using var certificate = fixture.Root.Issue(name);
        (await fixture.MapAsync(Mapping("cn", name + "x", _user), Mapping("cn", name[..^1], _user), Mapping("cn", name.ToUpperInvariant(), _user))).EnsureSuccess();

        await using (var client = await fixture.ConnectAsync(name, certificate))
        {
            Assert.True((bool)(await fixture.Admin.GetAsync("clients/" + name)).EnsureSuccess().Body!["anonymous"]!);
        }

        await fixture.Admin.SetAnonymousAsync(false);
        Assert.Equal(0x87, await fixture.AnswerAsync(certificate));
    }

    [Fact]
    public async Task UserNameAndPassword_GoBeforeTheCertificate_AndAWrongPasswordIsNotSavedByIt()
    {
        var name = Unique.Name("device");
        using var certificate = fixture.Root.Issue(name);
        (await fixture.MapAsync(Mapping("cn", name, _user))).EnsureSuccess();

        await using var client = await fixture.ConnectAsync(name, certificate, _other, "other-password");

        Assert.Equal(_other, (string?)(await fixture.Admin.GetAsync("clients/" + name)).EnsureSuccess().Body!["username"]);
        Assert.Equal(0x86, await fixture.AnswerAsync(certificate, _user, "wrong"));
        Assert.Equal(0x86, await fixture.AnswerAsync(certificate, _user));
    }

    [Fact]
    public async Task DisabledCredential_OfACertificate_ClosesAndRefusesIt_AndDeletionIsRefused()
    {
        var name = Unique.Name("device");
        using var certificate = fixture.Root.Issue(name);
        (await fixture.MapAsync(Mapping("cn", name, _user))).EnsureSuccess();
        await using var client = await fixture.ConnectAsync(name, certificate);

        var deletion = await fixture.Admin.DeleteAsync("credentials/" + _user);
        await ClientCertificateFixture.IsAliveAsync(client);
        await fixture.Admin.SetAclAsync(_user, ["device/#"], ["device/#"], enabled: false);

        Assert.Equal((HttpStatusCode.Conflict, "credential-in-use"), (deletion.Status, deletion.Problem));
        await ClientCertificateFixture.IsClosedAsync(client);
        // Anonymous is allowed, and yet: it is somebody's certificate.
        Assert.Equal(0x87, await fixture.AnswerAsync(certificate));
        (await fixture.MapAsync()).EnsureSuccess();
        Assert.Equal(HttpStatusCode.NoContent, (await fixture.Admin.DeleteAsync("credentials/" + _user)).Status);
    }

    [Fact]
    public async Task ChangedMapping_ClosesWhomItConcerns_AndOthersStay()
    {
        var (first, second) = (Unique.Name("device"), Unique.Name("device"));
        using var moved = fixture.Root.Issue(first);
        using var kept = fixture.Root.Issue(second);
        using var later = fixture.Root.Issue(Unique.Name("device"));
        (await fixture.MapAsync(Mapping("cn", first, _user), Mapping("cn", second, _user))).EnsureSuccess();
        await using var movedClient = await fixture.ConnectAsync(first, moved);
        await using var keptClient = await fixture.ConnectAsync(second, kept);
        await using var withPassword = await fixture.ConnectAsync(Unique.Name("device"), moved, _other, "other-password");
        await using var anonymous = await fixture.ConnectAsync(Unique.Name("device"), later);

        (await fixture.MapAsync(Mapping("cn", first, _other), Mapping("cn", second, _user), Mapping("cn", later.GetNameInfo(X509NameType.SimpleName, false), _user))).EnsureSuccess();

        await ClientCertificateFixture.IsClosedAsync(movedClient);
        await ClientCertificateFixture.IsClosedAsync(anonymous);
        await ClientCertificateFixture.IsAliveAsync(keptClient);
        await ClientCertificateFixture.IsAliveAsync(withPassword);
    }

    [Fact]
    public async Task ChangedAcl_OfAMappedCredential_ActsOnItsCertificates()
    {
        var name = Unique.Name("device");
        using var certificate = fixture.Root.Issue(name);
        (await fixture.MapAsync(Mapping("cn", name, _user))).EnsureSuccess();
        await using var client = await fixture.ConnectAsync(name, certificate);
        await client.SubscribeAsync("device/#", 1);

        await fixture.Admin.SetAclAsync(_user, [], []);

        Assert.Equal(0x87, await client.PublishAsync("device/1", "no", 1));
        Assert.Equal("suspended", (string?)(await fixture.Admin.GetAsync("clients/" + name)).EnsureSuccess().Body!["subscriptions"]![0]!["state"]);
    }

    [Fact]
    public async Task PolicyNone_EndsSessionsThatHangOnACertificate()
    {
        var name = Unique.Name("device");
        using var certificate = fixture.Root.Issue(name);
        (await fixture.MapAsync(Mapping("cn", name, _user))).EnsureSuccess();
        await using var client = await fixture.ConnectAsync(name, certificate);
        await using var withPassword = await fixture.ConnectAsync(Unique.Name("device"), certificate, _other, "other-password");

        await fixture.SetPolicyAsync("none");

        await ClientCertificateFixture.IsClosedAsync(client);
        await ClientCertificateFixture.IsAliveAsync(withPassword);
    }

    [Fact]
    public async Task UnclearNames_AreRefused_EvenWhereAnonymousIsAllowed()
    {
        var name = Unique.Name("device");
        var (cn, organisation) = ("2.5.4.3", "2.5.4.10");
        (await fixture.MapAsync(Mapping("cn", name, _user), Mapping("subject", $"CN={name}, O={Denied}", _user))).EnsureSuccess();
        using var twoNames = fixture.Root.Issue(TestClientAuthority.Subject([(cn, TestClientAuthority.Utf8(name))], [(cn, TestClientAuthority.Utf8("another"))]));
        using var embeddedNul = fixture.Root.Issue(TestClientAuthority.Subject([(cn, TestClientAuthority.Utf8(name + "\0.example"))]));
        using var multiValued = fixture.Root.Issue(TestClientAuthority.Subject([(cn, TestClientAuthority.Utf8(name)), (organisation, TestClientAuthority.Utf8(Denied))]));
        // T61String: what its bytes mean depends on the reader.
        using var oldText = fixture.Root.Issue(TestClientAuthority.Subject([(cn, [0x14, 3, .. "abc"u8])]));
        using var otherOrder = fixture.Root.Issue(TestClientAuthority.Subject([(cn, TestClientAuthority.Utf8("x" + name))], [(organisation, TestClientAuthority.Utf8(Denied))]));

        foreach (var certificate in new[] { twoNames, embeddedNul, multiValued, oldText })
        {
            Assert.Equal(0x87, await fixture.AnswerAsync(certificate));
        }

        await fixture.Admin.SetAnonymousAsync(false);
        Assert.Equal(0x87, await fixture.AnswerAsync(otherOrder));
    }

    [Fact]
    public async Task Mapping_IsKeptAsGiven_AndBadOnesAreRefusedAtOnce()
    {
        var good = Mapping("subject", "cn=a,OU=b", _user);
        (await fixture.MapAsync(good)).EnsureSuccess();

        var bad = await fixture.MapAsync(
            Mapping("serial", "1", _user), Mapping("cn", "", _user), Mapping("cn", "a*", _user), Mapping("cn", "a\0", _user), Mapping("subject", "CN=a+O=b", _user),
            Mapping("subject", "CN=a, CN=b", _user), Mapping("cn", "same", _user), Mapping("cn", "same", _other), Mapping("cn", "fine", Denied));

        Assert.Equal(HttpStatusCode.BadRequest, bad.Status);
        Assert.Equal(
            ["[0].match", "[1].value", "[2].value", "[3].value", "[4].value", "[5].value", "[7].value"],
            bad.Body!["findings"]!.AsArray().Select(finding => (string?)finding!["field"]).Where(field => field!.EndsWith("value", StringComparison.Ordinal) || field.EndsWith("match", StringComparison.Ordinal)));
        Assert.Contains(bad.Body["findings"]!.AsArray(), finding => ((string?)finding!["field"])!.EndsWith("username", StringComparison.Ordinal));
        var kept = (JsonArray)(await fixture.Admin.GetAsync("client-certificates/mapping")).EnsureSuccess().Body!;
        Assert.Equal("CN=a, OU=b", (string?)kept.Single()!["value"]);
    }

    private static object Mapping(string match, string value, string username) => new { match, value, username };
}
