using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Mqtt;

public class SharedGroupLimitTests(BrokerFixture fixture) : IClassFixture<BrokerFixture>
{
    private const int Maximum = 1000;

    [Fact]
    public async Task Group_HasAThousandMembers_AndNoMore_AndEachMessageGoesToOne()
    {
        var topic = Unique.Name("crowd/");
        var filter = "$share/crowd/" + topic;
        List<RawMqttClient> members = [];
        try
        {
            while (members.Count < Maximum)
            {
                foreach (var member in await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => ConnectAsync(MqttVersion.V500))))
                {
                    members.Add(member);
                    Assert.True(await member.SubscribeAsync(filter, 1) == 1, $"member {members.Count}");
                }
            }

            await using var late = await ConnectAsync(MqttVersion.V500);
            await using var old = await ConnectAsync(MqttVersion.V311);
            Assert.Equal(0x97, await late.SubscribeAsync(filter, 1));
            Assert.Equal(0x80, await old.SubscribeAsync(filter, 1));
            Assert.Equal(1, await late.SubscribeAsync("$share/other/" + topic, 1));
            await late.UnsubscribeAsync("$share/other/" + topic);
            // A member may ask again, and one that goes makes room.
            Assert.Equal(1, await members[0].SubscribeAsync(filter, 1));
            await members[1].UnsubscribeAsync(filter);
            Assert.Equal(1, await old.SubscribeAsync(filter, 1));

            for (var i = 0; i < 50; i++)
            {
                await late.PublishAsync(topic, $"{i}", 1);
            }

            members.Add(old);
            var received = await Task.WhenAll(members.Select(member => member.DrainPublishesAsync()));
            Assert.Equal(50, received.Sum(messages => messages.Count));
        }
        finally
        {
            foreach (var member in members)
            {
                await member.DisposeAsync();
            }
        }
    }

    private Task<RawMqttClient> ConnectAsync(MqttVersion version) =>
        RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { Version = version, ClientId = Unique.Name("member") });
}
