using System.Net;
using Chariot.SystemTests.Hostile;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Access;

/// <summary>Who may connect.</summary>
public class CredentialTests(BrokerFixture fixture) : IClassFixture<BrokerFixture>
{
    [Theory]
    [InlineData(MqttVersion.V311)]
    [InlineData(MqttVersion.V500)]
    public async Task WrongCredentials_AreNeverDowngradedToAnonymous(MqttVersion version)
    {
        var name = await CreateAsync(["#"], ["#"]);
        await fixture.Broker.Admin.SetAnonymousAsync(true);
        var connect = new ConnectPacket { Version = version, ClientId = Unique.Name("c") };

        await Hostility.IsRefusedAsync(fixture.Port, connect with { Username = name, Password = "wrong-password" }, 0x04, 0x86);
        await Hostility.IsRefusedAsync(fixture.Port, connect with { Username = "unknown", Password = "a-long-password" }, 0x04, 0x86);
        await Hostility.IsRefusedAsync(fixture.Port, connect with { Username = name }, 0x04, 0x86);
        await Hostility.IsRefusedAsync(fixture.Port, connect with { Username = "", Password = "" }, 0x04, 0x86);
        await Hostility.IsRefusedAsync(fixture.Port, connect with { Username = "" }, 0x04, 0x86);
        await using var good = await RawMqttClient.ConnectAsync(fixture.Port, connect with { Username = name, Password = "a-long-password" });
    }

    [Theory]
    [InlineData(MqttVersion.V311)]
    [InlineData(MqttVersion.V500)]
    public async Task NoCredentials_AreRefused_WhileAnonymousIsOff(MqttVersion version)
    {
        await fixture.Broker.Admin.SetAnonymousAsync(false);

        await Hostility.IsRefusedAsync(fixture.Port, new ConnectPacket { Version = version, ClientId = Unique.Name("c") }, 0x05, 0x87);
    }

    [Fact]
    public async Task DisabledCredential_IsRefused_AndItsClientsAreClosed()
    {
        var name = await CreateAsync(["#"], ["#"]);
        var connect = new ConnectPacket { ClientId = Unique.Name("c"), Username = name, Password = "a-long-password" };
        await using var client = await RawMqttClient.ConnectAsync(fixture.Port, connect);

        await fixture.Broker.Admin.SetAclAsync(name, ["#"], ["#"], enabled: false);

        Assert.Equal(0x87, (await client.ReadToCloseAsync())?.Reason);
        await Hostility.IsRefusedAsync(fixture.Port, connect, 0x04, 0x86);
    }

    [Fact]
    public async Task DeletedCredential_IsRefused_AndItsClientsAreClosed()
    {
        var name = await CreateAsync(["#"], ["#"]);
        var connect = new ConnectPacket { ClientId = Unique.Name("c"), Username = name, Password = "a-long-password" };
        await using var client = await RawMqttClient.ConnectAsync(fixture.Port, connect);

        (await fixture.Broker.Admin.DeleteAsync("credentials/" + name)).EnsureSuccess();

        Assert.Equal(0x87, (await client.ReadToCloseAsync())?.Reason);
        await Hostility.IsRefusedAsync(fixture.Port, connect, 0x04, 0x86);
    }

    [Theory]
    [InlineData(MqttVersion.V311)]
    [InlineData(MqttVersion.V500)]
    public async Task EmptyAcl_GrantsNothing(MqttVersion version)
    {
        var name = await CreateAsync([], []);
        await using var client = await RawMqttClient.ConnectAsync(
            fixture.Port, new ConnectPacket { Version = version, ClientId = Unique.Name("c"), Username = name, Password = "a-long-password" });

        Assert.True(await client.SubscribeAsync("a") >= 0x80);
        Assert.True(await client.SubscribeAsync("#") >= 0x80);
        await using var observer = await ObserverAsync("secret/#");
        await client.PublishAsync("secret/a", "leak", 1);
        await client.PublishAsync("secret/a", "leak");
        await client.SendAsync(Packets.PingReq);
        await client.WaitForAsync(PacketType.PingResp);
        Assert.Empty(await observer.DrainPublishesAsync());
    }

    [Fact]
    public async Task BlankLinesAsAcl_AreRefused_OrGrantNothing()
    {
        var name = Unique.Name("blank");
        string[] blank = ["", "  "];
        var answer = await fixture.Broker.Admin.PostAsync(
            "credentials", new { username = name, password = "a-long-password", publishAcl = blank, subscribeAcl = blank, enabled = true });
        if (answer.Status == HttpStatusCode.BadRequest)
        {
            Assert.NotEmpty(answer.Body!["findings"]!.AsArray());
            return;
        }

        answer.EnsureSuccess();
        await using var client = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = Unique.Name("c"), Username = name, Password = "a-long-password" });
        Assert.Equal(0x87, await client.SubscribeAsync("a"));
        Assert.Equal(0x87, await client.PublishAsync("a", "x", 1));
    }

    [Theory]
    [InlineData(MqttVersion.V311)]
    [InlineData(MqttVersion.V500)]
    public async Task ClientIdOfAnotherPrincipal_IsRefused_AndTheVictimUndisturbed(MqttVersion version)
    {
        var victimName = await CreateAsync(["#"], ["#"]);
        var thiefName = await CreateAsync(["#"], ["#"]);
        var topic = Unique.Name("victim/");
        var connect = new ConnectPacket { ClientId = Unique.Name("victim"), Username = victimName, Password = "a-long-password", SessionExpiry = 60 };
        await using var victim = await RawMqttClient.ConnectAsync(fixture.Port, connect);
        await victim.SubscribeAsync(topic, 1);

        await Hostility.IsRefusedAsync(fixture.Port, new ConnectPacket { Version = version, ClientId = connect.ClientId, Username = thiefName, Password = "a-long-password", Clean = false }, 0x05, 0x87);
        await Hostility.IsRefusedAsync(fixture.Port, new ConnectPacket { Version = version, ClientId = connect.ClientId, Username = thiefName, Password = "a-long-password" }, 0x05, 0x87);

        await victim.PublishAsync(topic, "mine", 1);
        Assert.Equal("mine", (await victim.ReadPublishAsync()).PayloadText);
    }

    [Fact]
    public async Task MappedCredential_CanBeNeitherDeletedNorDisabled_UntilUnmapped()
    {
        var name = await CreateAsync([], ["public/#"]);
        await fixture.Broker.Admin.SetAnonymousAsync(true, name);

        var deleted = await fixture.Broker.Admin.DeleteAsync("credentials/" + name);
        Assert.Equal((HttpStatusCode.Conflict, "credential-in-use"), (deleted.Status, deleted.Problem));
        string[] acl = ["public/#"];
        var disabled = await fixture.Broker.Admin.PutAsync("credentials/" + name, new { username = name, publishAcl = acl, subscribeAcl = acl, enabled = false });
        Assert.Equal((HttpStatusCode.Conflict, "credential-in-use"), (disabled.Status, disabled.Problem));

        await fixture.Broker.Admin.SetAnonymousAsync(true);
        (await fixture.Broker.Admin.DeleteAsync("credentials/" + name)).EnsureSuccess();
    }

    [Theory]
    [InlineData(MqttVersion.V311)]
    [InlineData(MqttVersion.V500)]
    public async Task DeniedPublish_IsAnsweredByItsVersionsRule(MqttVersion version)
    {
        var name = await CreateAsync(["open/#", "!open/closed/#"], []);
        await using var observer = await ObserverAsync("open/#");
        await using var client = await RawMqttClient.ConnectAsync(
            fixture.Port, new ConnectPacket { Version = version, ClientId = Unique.Name("c"), Username = name, Password = "a-long-password" });

        foreach (var qos in new[] { 1, 2 })
        {
            Assert.Equal(version == MqttVersion.V500 ? 0x87 : 0, await client.PublishAsync("open/closed/door", "denied", qos));
        }

        await client.PublishAsync("open/closed/door", "denied");
        await client.PublishAsync("open/door", "allowed", 1);
        Assert.Equal("allowed", Assert.Single(await observer.DrainPublishesAsync()).PayloadText);
    }

    [Fact]
    public async Task DeniedPublish_ClosesTheConnection_WhenTheSettingSaysSo()
    {
        var name = await CreateAsync([], []);
        (await fixture.Broker.Admin.ChangeMqttSettingsAsync(settings => settings["onDenied"] = "disconnect")).EnsureSuccess();
        try
        {
            await using var client = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = Unique.Name("c"), Username = name, Password = "a-long-password" });
            await client.SendAsync(Packets.Publish(MqttVersion.V500, "denied", "x"));
            Assert.Equal(0x87, (await client.ReadToCloseAsync())?.Reason);
        }
        finally
        {
            (await fixture.Broker.Admin.ChangeMqttSettingsAsync(settings => settings["onDenied"] = "deny")).EnsureSuccess();
        }
    }

    [Fact]
    public async Task Placeholders_StandForTheClientIdAndUsername()
    {
        var name = await CreateAsync(["dev/%c/+", "user/%u"], ["dev/%c/#"]);
        await using var client = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = "meter-7", Username = name, Password = "a-long-password" });

        Assert.True(await client.PublishAsync("dev/meter-7/state", "x", 1) < 0x80);
        Assert.True(await client.PublishAsync("user/" + name, "x", 1) < 0x80);
        Assert.Equal(0x87, await client.PublishAsync("dev/meter-8/state", "x", 1));
        Assert.Equal(0x87, await client.PublishAsync("user/admin", "x", 1));
        Assert.Equal(0, await client.SubscribeAsync("dev/meter-7/#"));
        Assert.Equal(0x87, await client.SubscribeAsync("dev/+/#"));
    }

    private async Task<string> CreateAsync(string[] publish, string[] subscribe)
    {
        var name = Unique.Name("user");
        await fixture.Broker.Admin.CreateCredentialAsync(name, "a-long-password", publish, subscribe);
        return name;
    }

    private async Task<RawMqttClient> ObserverAsync(string filter)
    {
        var name = await CreateAsync(["#"], ["#"]);
        var observer = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = name, Username = name, Password = "a-long-password" });
        Assert.Equal(1, await observer.SubscribeAsync(filter, 1));
        return observer;
    }
}
