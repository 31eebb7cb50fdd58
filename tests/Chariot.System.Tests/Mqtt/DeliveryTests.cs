using System.Buffers;
using System.Text;
using System.Threading.Channels;
using Chariot.TestKit.Mqtt;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

namespace Chariot.SystemTests.Mqtt;

/// <summary>What a client library in daily use sees.</summary>
public class DeliveryTests(BrokerFixture fixture) : IClassFixture<BrokerFixture>
{
    public static TheoryData<MqttProtocolVersion, int, int> Qualities()
    {
        var data = new TheoryData<MqttProtocolVersion, int, int>();
        foreach (var version in new[] { MqttProtocolVersion.V311, MqttProtocolVersion.V500 })
        {
            for (var published = 0; published <= 2; published++)
            {
                for (var subscribed = 0; subscribed <= 2; subscribed++)
                {
                    data.Add(version, published, subscribed);
                }
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Qualities))]
    public async Task Publish_ReachesASubscriberOnceAtTheLowerQos(MqttProtocolVersion version, int published, int subscribed)
    {
        var topic = Unique.Name("delivery/");
        var received = Channel.CreateUnbounded<MqttApplicationMessage>();
        using var subscriber = await ConnectAsync(version);
        subscriber.ApplicationMessageReceivedAsync += async arguments => await received.Writer.WriteAsync(arguments.ApplicationMessage);
        await subscriber.SubscribeAsync(topic, (MqttQualityOfServiceLevel)subscribed);
        using var publisher = await ConnectAsync(version);

        for (var i = 0; i < 20; i++)
        {
            var result = await publisher.PublishAsync(new MqttApplicationMessageBuilder()
                .WithTopic(topic).WithPayload($"payload {i}").WithQualityOfServiceLevel((MqttQualityOfServiceLevel)published).Build());
            Assert.True(result.IsSuccess);
        }

        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        for (var i = 0; i < 20; i++)
        {
            var message = await received.Reader.ReadAsync(deadline.Token);
            Assert.Equal($"payload {i}", Encoding.UTF8.GetString(message.Payload.ToArray()));
            Assert.Equal(topic, message.Topic);
            Assert.Equal(Math.Min(published, subscribed), (int)message.QualityOfServiceLevel);
            Assert.False(message.Retain);
        }

        await subscriber.PingAsync(deadline.Token);
        Assert.False(received.Reader.TryRead(out var extra), $"one too many: {extra?.ConvertPayloadToString()}");
        await publisher.DisconnectAsync();
        await subscriber.DisconnectAsync();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Publish_WithMqtt5Properties_CarriesThemUnalteredAndInOrder(int qos)
    {
        var topic = Unique.Name("properties/");
        await using var subscriber = await RawAsync(MqttVersion.V500);
        await subscriber.SubscribeAsync(topic, qos);
        await using var publisher = await RawAsync(MqttVersion.V500);
        var properties = new PacketBytes()
            .Byte((int)PropertyId.UserProperty).Text("b").Text("2")
            .Byte((int)PropertyId.ContentType).Text("text/plain")
            .Byte((int)PropertyId.UserProperty).Text("a").Text("1")
            .Byte((int)PropertyId.CorrelationData).Binary([1, 2, 3]);

        await publisher.SendAsync(Packets.Publish(MqttVersion.V500, topic, "x"u8, qos, 1, properties: properties));
        if (qos == 2)
        {
            await ReleaseAsync(publisher);
        }

        var message = await subscriber.ReadPublishAsync();
        Assert.Equal([PropertyId.UserProperty, PropertyId.ContentType, PropertyId.UserProperty, PropertyId.CorrelationData], message.Properties.Select(property => property.Id));
        Assert.Equal([("b", "2"), ("a", "1")], message.Properties.Where(property => property.Id == PropertyId.UserProperty).Select(property => ((string, string))property.Value));
        Assert.Equal(new byte[] { 1, 2, 3 }, message.Property(PropertyId.CorrelationData));
    }

    [Theory]
    [InlineData(MqttVersion.V311, MqttVersion.V500)]
    [InlineData(MqttVersion.V500, MqttVersion.V311)]
    public async Task Publish_CrossesProtocolVersions(MqttVersion from, MqttVersion to)
    {
        var topic = Unique.Name("versions/");
        await using var subscriber = await RawAsync(to);
        await subscriber.SubscribeAsync(topic, 1);
        await using var publisher = await RawAsync(from);

        Assert.True(await publisher.PublishAsync(topic, "across", 1) < 0x80);

        Assert.Equal("across", (await subscriber.ReadPublishAsync()).PayloadText);
    }

    [Fact]
    public async Task Dup_IsNotCopiedToSubscribers() // [MQTT-3.3.1-3]
    {
        var topic = Unique.Name("dup/");
        await using var subscriber = await RawAsync(MqttVersion.V311);
        await subscriber.SubscribeAsync(topic, 1);
        await using var publisher = await RawAsync(MqttVersion.V311);

        await publisher.SendAsync(Packets.Publish(MqttVersion.V311, topic, "again", 1, 7, dup: true));

        Assert.False((await subscriber.ReadPublishAsync()).Dup);
    }

    [Fact]
    public async Task Qos2_SentTwiceWithOneId_IsDeliveredOnce() // [MQTT-4.3.3-2]
    {
        var topic = Unique.Name("twice/");
        await using var subscriber = await RawAsync(MqttVersion.V311);
        await subscriber.SubscribeAsync(topic, 2);
        await using var publisher = await RawAsync(MqttVersion.V311);

        for (var i = 0; i < 2; i++)
        {
            await publisher.SendAsync(Packets.Publish(MqttVersion.V311, topic, "once", 2, 9, dup: i == 1));
            Assert.Equal(9, (await publisher.WaitForAsync(PacketType.PubRec)).PacketId);
        }

        await publisher.SendAsync(Packets.Acknowledge(PacketType.PubRel, 9));
        await publisher.WaitForAsync(PacketType.PubComp);
        await publisher.PublishAsync(topic, "next", 2);

        Assert.Equal("once", (await subscriber.ReadPublishAsync()).PayloadText);
        Assert.Equal("next", (await subscriber.ReadPublishAsync()).PayloadText);
    }

    [Fact]
    public async Task OverlappingSubscriptions_GiveOneCopyAtTheHighestQos()
    {
        var root = Unique.Name("overlap");
        await using var subscriber = await RawAsync(MqttVersion.V500);
        await subscriber.SubscribeAsync($"{root}/#", 0);
        await subscriber.SubscribeAsync($"{root}/+", 2);
        await subscriber.SubscribeAsync($"{root}/a", 1);
        await using var publisher = await RawAsync(MqttVersion.V500);

        await publisher.PublishAsync($"{root}/a", "one", 2);

        var copy = Assert.Single(await subscriber.DrainPublishesAsync());
        Assert.Equal(2, copy.Qos);
    }

    [Fact]
    public async Task MessagesOfOnePublisher_StayInOrder_AtEachQos()
    {
        var root = Unique.Name("order");
        await using var subscriber = await RawAsync(MqttVersion.V500);
        for (var qos = 0; qos <= 2; qos++)
        {
            await subscriber.SubscribeAsync($"{root}/{qos}", qos);
        }

        await using var publisher = await RawAsync(MqttVersion.V500);
        for (var i = 0; i < 60; i++)
        {
            await publisher.SendAsync(Packets.Publish(MqttVersion.V500, $"{root}/{i % 3}", $"{i}", i % 3, i % 3 == 0 ? 0 : publisher.NextPacketId()));
        }

        for (var i = 0; i < 20; i++)
        {
            await ReleaseAsync(publisher);
        }

        var last = new int[3];
        for (var i = 0; i < 60; i++)
        {
            var message = await subscriber.ReadPublishAsync();
            var number = int.Parse(message.PayloadText, System.Globalization.CultureInfo.InvariantCulture);
            Assert.True(number >= last[number % 3], $"{number} after {last[number % 3]}");
            last[number % 3] = number;
        }
    }

    [Fact]
    public async Task Unsubscribe_EndsDelivery_AndAnswersForEachFilter()
    {
        var topic = Unique.Name("ended/");
        await using var client = await RawAsync(MqttVersion.V500);
        await client.SubscribeAsync(topic);

        var answer = await client.UnsubscribeAsync(topic, "never/subscribed");

        Assert.Equal([0x00, 0x11], answer.Reasons);
        await client.PublishAsync(topic, "to nobody");
        Assert.Empty(await client.DrainPublishesAsync());
    }

    [Theory]
    [InlineData("sport/#", "sport", true)]
    [InlineData("sport/#", "sport/tennis/player1", true)]
    [InlineData("sport/+", "sport", false)]
    [InlineData("sport/+", "sport/", true)]
    [InlineData("+/+", "/finance", true)]
    [InlineData("/+", "/finance", true)]
    [InlineData("+", "/finance", false)]
    [InlineData("sport/tennis/+", "sport/tennis/player1/ranking", false)]
    [InlineData("sport/+/ranking", "sport/tennis/ranking", true)]
    [InlineData("Sport", "sport", false)]
    [InlineData("sport/", "sport", false)]
    public async Task Filter_MatchesAsTheStandardSays(string filter, string topic, bool matches)
    {
        await using var client = await RawAsync(MqttVersion.V500);
        Assert.Equal(0, await client.SubscribeAsync(filter));

        await client.PublishAsync(topic, "x");

        Assert.Equal(matches ? 1 : 0, (await client.DrainPublishesAsync()).Count(message => message.Topic == topic));
    }

    private async Task<IMqttClient> ConnectAsync(MqttProtocolVersion version)
    {
        var client = new MqttClientFactory().CreateMqttClient();
        await client.ConnectAsync(new MqttClientOptionsBuilder()
            .WithTcpServer("127.0.0.1", fixture.Port).WithProtocolVersion(version).WithClientId(Unique.Name("net")).Build());
        return client;
    }

    /// <summary>Answers the next PUBREC: a broker may wait for PUBREL before it delivers.</summary>
    private static async Task ReleaseAsync(RawMqttClient publisher)
    {
        var received = await publisher.WaitForAsync(PacketType.PubRec);
        await publisher.SendAsync(Packets.Acknowledge(PacketType.PubRel, received.PacketId));
    }

    private Task<RawMqttClient> RawAsync(MqttVersion version) =>
        RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { Version = version, ClientId = Unique.Name("raw") });
}
