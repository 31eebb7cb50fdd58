using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Hostile;

/// <summary>Ways around an ACL.</summary>
public class HostileAccessTests(BrokerFixture fixture) : IClassFixture<BrokerFixture>
{
    private const string Password = "a-long-password";

    [Theory]
    [InlineData(MqttVersion.V311, 0x80)]
    [InlineData(MqttVersion.V500, 0x87)]
    public async Task Subscriptions_WiderThanTheAcl_AreRefused_NotNarrowed(MqttVersion version, int refusal)
    {
        await using var client = await ConnectAsync(await CreateAsync(["a/#"], ["a/#", "b/+/c"]), version);
        foreach (var filter in new[] { "#", "+/b", "+", "b/#", "b/+", "b/+/+", "b/+/c/#", "$share/g/#", "$share/g/secret/#", "$share/a/b", "$SYS/#", "$SYS/x" })
        {
            Assert.True(refusal == await client.SubscribeAsync(filter, 1), filter);
        }

        foreach (var filter in new[] { "a/#", "a", "a/+", "b/+/c", "b/x/c", "$share/g/a/#" })
        {
            Assert.True(await client.SubscribeAsync(filter, 1) == 1, filter);
        }
    }

    [Fact]
    public async Task Hash_GrantsNothingThatBeginsWithADollar_AndALiteralEntryDoes()
    {
        await using var everything = await ConnectAsync(await CreateAsync(["#"], ["#", "+/x"]), MqttVersion.V500);
        Assert.Equal(0x87, await everything.SubscribeAsync("$SYS/#", 1));
        Assert.Equal(0x87, await everything.SubscribeAsync("$SYS/x", 1));
        Assert.Equal(0x87, await everything.SubscribeAsync("$share/g/$SYS/x", 1));
        Assert.Equal(1, await everything.SubscribeAsync("+/x", 1));

        await using var named = await ConnectAsync(await CreateAsync(["#"], ["$SYS/#"]), MqttVersion.V500);
        Assert.Equal(1, await named.SubscribeAsync("$SYS/#", 1));
    }

    [Fact]
    public async Task TopicAlias_IsJudgedByItsTopic_AlsoAfterTheAclHasChanged()
    {
        var name = await CreateAsync(["alias/#"], []);
        await using var observer = await ConnectAsync(await CreateAsync([], ["#"]), MqttVersion.V500);
        await observer.SubscribeAsync("#", 1);
        await using var client = await ConnectAsync(name, MqttVersion.V500);
        var topic = Unique.Name("alias/");
        Assert.Equal(0, await PublishAsync(client, topic, 1));
        Assert.Equal(0, await PublishAsync(client, "", 1));
        Assert.Equal(0x87, await PublishAsync(client, "other/x", 2));
        Assert.Equal(0x87, await PublishAsync(client, "", 2));
        Assert.Equal(2, (await observer.DrainPublishesAsync()).Count);

        await fixture.Broker.Admin.SetAclAsync(name, ["elsewhere"], []);

        Assert.Equal(0x87, await PublishAsync(client, "", 1));
        Assert.Empty(await observer.DrainPublishesAsync());
    }

    [Fact]
    public async Task RetainedMessage_OfAPublisherThatLosesItsRight_Stays_AndIsListed()
    {
        var name = await CreateAsync(["kept/#"], []);
        var topic = Unique.Name("kept/");
        await using (var client = await ConnectAsync(name, MqttVersion.V500))
        {
            await client.PublishAsync(topic, "still here", 1, retain: true);
        }

        await fixture.Broker.Admin.SetAclAsync(name, [], []);

        await using var reader = await ConnectAsync(await CreateAsync([], ["#"]), MqttVersion.V500);
        await reader.SubscribeAsync(topic, 1);
        Assert.Equal("still here", (await reader.ReadPublishAsync()).PayloadText);
    }

    [Theory]
    [InlineData("+")]
    [InlineData("#")]
    [InlineData("a/b")]
    [InlineData(".*")]
    public async Task ClientIdsLikeWildcards_FillAPlaceholderLiterallyOrNotAtAll(string clientId)
    {
        var name = await CreateAsync(["dev/%c/#"], ["dev/%c/#"]);
        await using var client = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = clientId, Username = name, Password = Password });

        Assert.Equal(0x87, await client.SubscribeAsync("dev/other/#", 1));
        Assert.Equal(0x87, await client.SubscribeAsync("dev/#", 1));
        Assert.Equal(0x87, await client.SubscribeAsync("dev/+/x", 1));
        Assert.Equal(0x87, await client.PublishAsync("dev/other/x", "x", 1));
        Assert.Equal(clientId == ".*", await client.PublishAsync("dev/.*/x", "x", 1) < 0x80);
    }

    private static async Task<int> PublishAsync(RawMqttClient client, string topic, int alias)
    {
        var properties = new PacketBytes().Byte((int)PropertyId.TopicAlias).TwoBytes(alias);
        await client.SendAsync(Packets.Publish(MqttVersion.V500, topic, "x"u8, 1, client.NextPacketId(), properties: properties));
        var reason = (await client.WaitForAsync(PacketType.PubAck)).Reason;
        return reason == 0x10 ? 0 : reason;
    }

    private async Task<string> CreateAsync(string[] publish, string[] subscribe)
    {
        var name = Unique.Name("u");
        await fixture.Broker.Admin.CreateCredentialAsync(name, Password, publish, subscribe);
        return name;
    }

    private Task<RawMqttClient> ConnectAsync(string username, MqttVersion version) =>
        RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { Version = version, ClientId = Unique.Name("c"), Username = username, Password = Password });
}
