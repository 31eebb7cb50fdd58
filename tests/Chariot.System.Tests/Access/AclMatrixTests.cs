using Chariot.TestKit.Broker;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Access;

/// <summary>
/// Each kind of client, times each thing that an ACL decides, times when the right is given or taken. Mosquitto and
/// others have failed in single cells of this table, so all of them are tried.
/// </summary>
public class AclMatrixTests(AclMatrixTests.Fixture fixture) : IClassFixture<AclMatrixTests.Fixture>
{
    private const string Password = "a-long-password";

    public enum Subject
    {
        /// <summary>Anonymous, bounded by nothing; loses its rights by being mapped to a credential without any.</summary>
        Anonymous,
        /// <summary>Anonymous, mapped to a credential whose ACL changes.</summary>
        Mapped,
        /// <summary>A credential whose ACL changes.</summary>
        Named,
    }

    public enum Moment
    {
        Allowed,
        DeniedBefore,
        DeniedLive,
        AllowedAgainLive,
    }

    public static TheoryData<Subject, Moment> Cells()
    {
        var data = new TheoryData<Subject, Moment>();
        foreach (var subject in Enum.GetValues<Subject>())
        {
            foreach (var moment in Enum.GetValues<Moment>())
            {
                data.Add(subject, moment);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public async Task Publish(Subject subject, Moment moment)
    {
        var topic = Unique.Name("matrix/");
        await using var observer = await ObserverAsync(topic);
        await BeforeAsync(subject, moment);
        await using var client = await ConnectAsync(subject);
        await client.PublishAsync(topic, "before", 1);
        await observer.DrainPublishesAsync();
        await LiveAsync(subject, moment);

        for (var qos = 0; qos <= 2; qos++)
        {
            var reason = await client.PublishAsync(topic, $"after {qos}", qos);
            Assert.Equal(IsAllowed(moment) || qos == 0 ? 0 : 0x87, reason);
        }

        await client.SendAsync(Packets.PingReq);
        await client.WaitForAsync(PacketType.PingResp);
        Assert.Equal(
            IsAllowed(moment) ? ["after 0", "after 1", "after 2"] : [],
            (await observer.DrainPublishesAsync()).Select(message => message.PayloadText));
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public async Task Subscribe(Subject subject, Moment moment)
    {
        var topic = Unique.Name("matrix/");
        await using var observer = await ObserverAsync(topic);
        await BeforeAsync(subject, moment);
        await using var client = await ConnectAsync(subject);
        Assert.Equal(moment == Moment.DeniedBefore ? 0x87 : 1, await client.SubscribeAsync(topic, 1));
        await LiveAsync(subject, moment);

        await observer.PublishAsync(topic, "live", 1);
        await observer.PublishAsync(topic, "live", 0);
        await observer.DrainPublishesAsync();

        Assert.Equal(IsAllowed(moment) ? 2 : 0, (await client.DrainPublishesAsync()).Count);
        Assert.Equal(IsAllowed(moment) ? 1 : 0x87, await client.SubscribeAsync(topic, 1));
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public async Task Will(Subject subject, Moment moment)
    {
        var topic = Unique.Name("matrix/");
        await using var observer = await ObserverAsync(topic);
        await BeforeAsync(subject, moment);
        var connect = Identify(subject) with { WillTopic = topic, WillPayload = "gone"u8.ToArray(), WillQos = 1 };
        if (moment == Moment.DeniedBefore)
        {
            await Hostile.Hostility.IsRefusedAsync(fixture.Port, connect, 0x05, 0x87);
            await Hostile.Hostility.IsRefusedAsync(fixture.Port, connect with { Version = MqttVersion.V311 }, 0x05, 0x87);
            return;
        }

        await using var client = await RawMqttClient.ConnectAsync(fixture.Port, connect);
        await LiveAsync(subject, moment);
        await client.DisconnectAsync(0x04);
        await fixture.WaitForEndAsync(connect.ClientId);

        Assert.Equal(IsAllowed(moment) ? 1 : 0, (await observer.DrainPublishesAsync()).Count);
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public async Task RetainedReplay(Subject subject, Moment moment)
    {
        var topic = Unique.Name("matrix/");
        await using var observer = await ObserverAsync(topic);
        await observer.PublishAsync(topic, "kept", 1, retain: true);
        await BeforeAsync(subject, moment);
        await using var client = await ConnectAsync(subject);
        await LiveAsync(subject, moment);

        Assert.Equal(IsAllowed(moment) ? 1 : 0x87, await client.SubscribeAsync(topic, 1));

        Assert.Equal(IsAllowed(moment) ? 1 : 0, (await client.DrainPublishesAsync()).Count);
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public async Task QueuedDelivery(Subject subject, Moment moment)
    {
        if (moment == Moment.DeniedBefore)
        {
            // Nothing can be queued for a subscription that was refused; Subscribe covers the refusal.
            await BeforeAsync(subject, moment);
            await using var refused = await ConnectAsync(subject);
            Assert.Equal(0x87, await refused.SubscribeAsync(Unique.Name("matrix/"), 1));
            return;
        }

        var topic = Unique.Name("matrix/");
        await using var observer = await ObserverAsync(topic);
        await BeforeAsync(subject, moment);

        // A window of one that stays unacknowledged: the second message waits in the broker.
        await using var client = await RawMqttClient.ConnectAsync(
            fixture.Port, Identify(subject) with { Properties = new PacketBytes().Byte((int)PropertyId.ReceiveMaximum).TwoBytes(1) });
        client.AutoAcknowledge = false;
        Assert.Equal(1, await client.SubscribeAsync(topic, 1));
        await observer.PublishAsync(topic, "in flight", 1);
        await observer.PublishAsync(topic, "queued", 1);
        var inflight = await client.ReadPublishAsync();
        await LiveAsync(subject, moment);

        await client.SendAsync(Packets.Acknowledge(PacketType.PubAck, inflight.PacketId));

        // Denied copies are removed from the queue, so that rights given back do not bring them back.
        client.AutoAcknowledge = true;
        Assert.Equal(moment == Moment.Allowed ? ["queued"] : [], (await client.DrainPublishesAsync()).Select(message => message.PayloadText));
        await observer.PublishAsync(topic, "next", 1);
        Assert.Equal(IsAllowed(moment) ? 1 : 0, (await client.DrainPublishesAsync()).Count(message => message.PayloadText == "next"));
    }

    [Theory]
    [InlineData(Moment.Allowed)]
    [InlineData(Moment.DeniedLive)]
    [InlineData(Moment.AllowedAgainLive)]
    public async Task OfflineDelivery_ToADurableSession(Moment moment)
    {
        var topic = Unique.Name("matrix/");
        await using var observer = await ObserverAsync(topic);
        await BeforeAsync(Subject.Named, moment);
        var connect = Identify(Subject.Named) with { SessionExpiry = 600 };
        await using (var client = await RawMqttClient.ConnectAsync(fixture.Port, connect))
        {
            Assert.Equal(2, await client.SubscribeAsync(topic, 2));
            await client.DisconnectAsync();
        }

        await observer.PublishAsync(topic, "offline 1", 1);
        await observer.PublishAsync(topic, "offline 2", 2);
        await LiveAsync(Subject.Named, moment);

        await using var again = await RawMqttClient.ConnectAsync(fixture.Port, connect with { Clean = false });
        Assert.True(again.ConnAck!.SessionPresent);
        List<string> received = [];
        if (moment == Moment.Allowed)
        {
            received.Add((await again.ReadPublishAsync()).PayloadText);
            received.Add((await again.ReadPublishAsync()).PayloadText);
        }

        received.AddRange((await again.DrainPublishesAsync()).Select(message => message.PayloadText));
        Assert.Equal(moment == Moment.Allowed ? ["offline 1", "offline 2"] : [], received);
    }

    [Fact]
    public async Task AnonymousOff_RefusesNewClients_AndClosesLiveOnes()
    {
        var admin = fixture.Broker.Admin;
        await admin.SetAnonymousAsync(true);
        await using var client = await ConnectAsync(Subject.Anonymous);
        await using var named = await ObserverAsync("named");

        await admin.SetAnonymousAsync(false);

        Assert.Equal(0x87, (await client.ReadToCloseAsync())?.Reason);
        await Hostile.Hostility.IsRefusedAsync(fixture.Port, Identify(Subject.Anonymous), 0x05, 0x87);
        await named.PublishAsync("named", "undisturbed", 1);
        Assert.Equal("undisturbed", (await named.ReadPublishAsync()).PayloadText);
        await admin.SetAnonymousAsync(true);
        await using var back = await ConnectAsync(Subject.Anonymous);
    }

    [Fact]
    public async Task SuspendedSubscription_IsShownAsSuchAndResumes()
    {
        var topic = Unique.Name("matrix/");
        await BeforeAsync(Subject.Named, Moment.Allowed);
        var connect = Identify(Subject.Named);
        await using var client = await RawMqttClient.ConnectAsync(fixture.Port, connect);
        await client.SubscribeAsync(topic, 1);

        Assert.Equal("active", await StateAsync());
        await RightsAsync(Subject.Named, allowed: false);
        Assert.Equal("suspended", await StateAsync());
        await RightsAsync(Subject.Named, allowed: true);
        Assert.Equal("active", await StateAsync());

        async Task<string?> StateAsync()
        {
            var shown = (await fixture.Broker.Admin.GetAsync("clients/" + connect.ClientId)).EnsureSuccess();
            return (string?)shown.Body!["subscriptions"]![0]!["state"];
        }
    }

    private static bool IsAllowed(Moment moment) => moment is Moment.Allowed or Moment.AllowedAgainLive;

    private Task BeforeAsync(Subject subject, Moment moment) => RightsAsync(subject, moment != Moment.DeniedBefore);

    private async Task LiveAsync(Subject subject, Moment moment)
    {
        if (moment is Moment.DeniedLive or Moment.AllowedAgainLive)
        {
            await RightsAsync(subject, allowed: false);
        }

        if (moment == Moment.AllowedAgainLive)
        {
            await RightsAsync(subject, allowed: true);
        }
    }

    private async Task RightsAsync(Subject subject, bool allowed)
    {
        var admin = fixture.Broker.Admin;
        string[] acl = allowed ? ["matrix/#"] : [];
        switch (subject)
        {
            case Subject.Anonymous:
                await admin.SetAnonymousAsync(true, allowed ? null : Fixture.Nobody);
                break;
            case Subject.Mapped:
                await admin.SetAclAsync(Fixture.Mapped, acl, acl);
                await admin.SetAnonymousAsync(true, Fixture.Mapped);
                break;
            default:
                await admin.SetAclAsync(Fixture.Named, acl, acl);
                break;
        }
    }

    private static ConnectPacket Identify(Subject subject) => subject == Subject.Named
        ? new ConnectPacket { ClientId = Unique.Name("named"), Username = Fixture.Named, Password = Password }
        : new ConnectPacket { ClientId = Unique.Name("anonymous") };

    private Task<RawMqttClient> ConnectAsync(Subject subject) => RawMqttClient.ConnectAsync(fixture.Port, Identify(subject));

    private async Task<RawMqttClient> ObserverAsync(string filter)
    {
        var observer = await RawMqttClient.ConnectAsync(
            fixture.Port, new ConnectPacket { ClientId = Unique.Name("observer"), Username = Fixture.Observer, Password = Password });
        Assert.Equal(1, await observer.SubscribeAsync(filter, 1));
        return observer;
    }

    public sealed class Fixture : BrokerFixture
    {
        public const string Named = "named";
        public const string Mapped = "mapped";
        public const string Nobody = "nobody";
        public const string Observer = "observer";

        public override async Task InitializeAsync()
        {
            await base.InitializeAsync();
            await Broker.Admin.CreateCredentialAsync(Named, Password, [], []);
            await Broker.Admin.CreateCredentialAsync(Mapped, Password, [], []);
            await Broker.Admin.CreateCredentialAsync(Nobody, Password, [], []);
            await Broker.Admin.CreateCredentialAsync(Observer, Password, ["#"], ["#"]);
        }

        /// <summary>Until the broker has dealt with the end of a session without expiry, its will included.</summary>
        public Task WaitForEndAsync(string clientId) => Chariot.TestKit.Eventually.TrueAsync(
            async () => (await Broker.Admin.GetAsync("clients/" + clientId)).Status == global::System.Net.HttpStatusCode.NotFound, "the session's end");
    }
}
