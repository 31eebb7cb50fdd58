using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;

namespace Chariot.Abstractions.Tests.Access;

public class AccessResolverTests
{
    private readonly Feed _feed = new();

    [Fact]
    public async Task Anonymous_WithoutPermission_HasNoRights()
    {
        _feed.Set(new MqttSettings { AllowAnonymous = false });

        Assert.False((await AccessResolver.ResolveAsync(_feed, Principal.Anonymous, "c")).AllowsPublish("a"u8));
    }

    [Fact]
    public async Task Anonymous_WithoutMapping_HasHashBothWays()
    {
        _feed.Set(new MqttSettings { AllowAnonymous = true });

        var acl = await AccessResolver.ResolveAsync(_feed, Principal.Anonymous, "c");

        Assert.True(acl.AllowsPublish("a"u8));
        Assert.True(acl.AllowsSubscribe("#"));
    }

    [Fact]
    public async Task Anonymous_WithMapping_HasTheCredentialsRightsButNotItsName()
    {
        _feed.Set(new MqttSettings { AllowAnonymous = true, AnonymousCredential = "guest" });
        _feed.Add("guest", ["dev/%c", "own/%u"]);

        var acl = await AccessResolver.ResolveAsync(_feed, Principal.Anonymous, "c");

        Assert.True(acl.AllowsPublish("dev/c"u8));
        Assert.False(acl.AllowsPublish("own/guest"u8));
        Assert.False(acl.AllowsPublish("other"u8));
    }

    [Theory]
    [InlineData("missing", true)]
    [InlineData("guest", false)]
    public async Task Anonymous_MappedToAMissingOrDisabledCredential_HasNoRights(string mapped, bool enabled)
    {
        _feed.Set(new MqttSettings { AllowAnonymous = true, AnonymousCredential = mapped });
        _feed.Add("guest", ["#"], enabled);

        Assert.False((await AccessResolver.ResolveAsync(_feed, Principal.Anonymous, "c")).AllowsPublish("a"u8));
    }

    [Fact]
    public async Task Credential_HasItsOwnRightsWhateverAnonymousHas()
    {
        _feed.Set(new MqttSettings { AllowAnonymous = true });
        _feed.Add("user", ["own/%u"]);

        var acl = await AccessResolver.ResolveAsync(_feed, new Principal("user"), "c");

        Assert.True(acl.AllowsPublish("own/user"u8));
        Assert.False(acl.AllowsPublish("a"u8));
        Assert.False((await AccessResolver.ResolveAsync(_feed, new Principal("gone"), "c")).AllowsPublish("own/gone"u8));
    }

    private sealed class Feed : IConfigurationFeed
    {
        private readonly Dictionary<string, CredentialRecord> _credentials = [];

        public BrokerConfiguration Current { get; private set; } = new();

        public TlsMaterial? Tls => null;

        public void Set(MqttSettings settings) => Current = new BrokerConfiguration { Revision = Current.Revision + 1, Mqtt = settings };

        public void Add(string username, string[] acl, bool enabled = true) =>
            _credentials[username] = new CredentialRecord(username, "", [.. acl], [.. acl], enabled, 1);

        public ValueTask<CredentialRecord?> FindCredentialAsync(string username, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(_credentials.GetValueOrDefault(username));
    }
}
