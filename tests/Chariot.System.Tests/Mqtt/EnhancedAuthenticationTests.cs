using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Chariot.TestKit;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Mqtt;

/// <summary>AUTH with SCRAM-SHA-256 (5.0 sections 3.15 and 4.12) against the process.</summary>
public class EnhancedAuthenticationTests(BrokerFixture fixture) : IClassFixture<BrokerFixture>
{
    private const string Method = "SCRAM-SHA-256";
    private const int Continue = 0x18;
    private const int ReAuthenticate = 0x19;

    [Theory]
    [InlineData("typed and slow")]
    [InlineData(null)]
    [Normative("5:4.12.0-2", "5:4.12.0-5", "5:3.15.2-1")]
    public async Task RightPassword_TypedOrGenerated_IsProved_AndTheServerProvesItself(string? password) // [MQTT-4.12.0-5]
    {
        var (username, secret) = await CredentialAsync(password);
        var (client, connAck, scram) = await ConnectAsync(username, secret);
        await using var _ = client;

        Assert.Equal(0, connAck!.Reason);
        Assert.Equal(Method, connAck.Property(PropertyId.AuthenticationMethod));
        Assert.True(scram.Proves(connAck));
        await client.SubscribeAsync("scram/own", 1);
        await client.PublishAsync("scram/own", "m", 1);
        Assert.Equal("m", (await client.ReadPublishAsync()).PayloadText);
    }

    [Fact]
    [Normative("5:4.12.0-4")]
    public async Task WrongPassword_AndUnknownName_AreRefusedAlike()
    {
        var (username, _) = await CredentialAsync(null);
        foreach (var name in new[] { username, Unique.Name("nobody") })
        {
            var (client, connAck, scram) = await ConnectAsync(name, "wrong");
            await using var _1 = client;

            Assert.Equal(0x86, connAck!.Reason);
            Assert.False(scram.Proves(connAck));
            Assert.Null(await client.ReadToCloseAsync());
        }
    }

    [Fact]
    [Normative("5:4.12.0-1")]
    public async Task UnknownMethod_IsRefused() // [MQTT-4.12.0-1]
    {
        var (client, answer) = await RawMqttClient.TryConnectAsync(fixture.Port, Connect("GS2-KRB5", []));
        await using var _ = client;

        Assert.Equal((PacketType.ConnAck, 0x8C), (answer!.Type, answer.Reason));
    }

    [Fact]
    [Normative("5:3.14.0-1", "5:4.12.0-4")]
    public async Task AnythingButAuth_BeforeConnAck_IsAnsweredByConnAck_NotDisconnect() // [MQTT-3.14.0-1]
    {
        var (username, _) = await CredentialAsync(null);
        foreach (var packet in new[] { Packets.PingReq, Connect(Method, []).Encode(), Auth(ReAuthenticate, "x"u8), Auth(Continue, "x"u8, "OTHER"), Packets.Publish(MqttVersion.V500, "t", "m") })
        {
            var (client, challenge) = await RawMqttClient.TryConnectAsync(fixture.Port, Connect(Method, new Scram(username, "x").First()));
            await using var _1 = client;
            Assert.Equal(PacketType.Auth, challenge!.Type);

            await client.SendAsync(packet);

            var answer = await client.ReadAsync();
            Assert.Equal((PacketType.ConnAck, 0x82), (answer!.Type, answer.Reason));
            Assert.Null(await client.ReadToCloseAsync());
        }
    }

    [Fact]
    public async Task AuthWithoutAMethodAtConnect_IsAProtocolError() // [MQTT-4.12.0-6]
    {
        await using var client = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = Unique.Name("plain") });

        await client.SendAsync(Auth(ReAuthenticate, "n,,n=a,r=b"u8));

        Assert.Equal(0x82, (await client.ReadToCloseAsync())!.Reason);
    }

    [Fact]
    [Normative("5:4.12.1-1", "5:4.12.1-2", "5:3.15.2-1", "5:4.12.0-2")]
    public async Task ReAuthentication_GoesOnBesideOtherPackets_AndAWrongOneEndsTheConnection() // [MQTT-4.12.1-1], [MQTT-4.12.1-2]
    {
        var (username, secret) = await CredentialAsync(null);
        var (client, _, _) = await ConnectAsync(username, secret);
        await using var _1 = client;

        var scram = new Scram(username, secret);
        await client.SendAsync(Auth(ReAuthenticate, scram.First()));
        var challenge = await client.WaitForAsync(PacketType.Auth);
        Assert.Equal(Continue, challenge.Body[0]);
        await client.PublishAsync("scram/meanwhile", "m", 1);
        await client.SendAsync(Auth(Continue, scram.Final(challenge)));
        var done = await client.WaitForAsync(PacketType.Auth);
        Assert.Equal(0, done.Body[0]);
        Assert.True(scram.Proves(done));

        var wrong = new Scram(username, "wrong");
        await client.SendAsync(Auth(ReAuthenticate, wrong.First()));
        await client.SendAsync(Auth(Continue, wrong.Final(await client.WaitForAsync(PacketType.Auth))));
        Assert.Equal(0x87, (await client.ReadToCloseAsync())!.Reason);
    }

    [Theory]
    [InlineData(Continue, Method)]
    [InlineData(ReAuthenticate, "OTHER")]
    [Normative("5:4.12.1-1")]
    public async Task ReAuthentication_OutOfTurnOrByAnotherMethod_IsAProtocolError(int reason, string method)
    {
        var (username, secret) = await CredentialAsync(null);
        var (client, _, _) = await ConnectAsync(username, secret);
        await using var _1 = client;

        await client.SendAsync(Auth(reason, new Scram(username, secret).First(), method));

        Assert.Equal(0x82, (await client.ReadToCloseAsync())!.Reason);
    }

    [Fact]
    public async Task ReAuthentication_AsAnotherUser_IsRefused()
    {
        var (username, secret) = await CredentialAsync(null);
        var (other, otherSecret) = await CredentialAsync(null);
        var (client, _, _) = await ConnectAsync(username, secret);
        await using var _1 = client;

        await client.SendAsync(Auth(ReAuthenticate, new Scram(other, otherSecret).First()));

        Assert.Equal(0x87, (await client.ReadToCloseAsync())!.Reason);
    }

    [Fact]
    [Normative("5:3.1.2-29")]
    public async Task ReasonStrings_AreSent_UnlessTheClientWantsNoProblemInformation() // [MQTT-3.1.2-29]
    {
        foreach (var wanted in new[] { true, false })
        {
            var properties = new PacketBytes().Byte((int)PropertyId.RequestProblemInformation).Byte(wanted ? 1 : 0);
            await using var client = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = Unique.Name("strings"), Properties = properties });
            await client.SendAsync(Packets.Publish(MqttVersion.V500, "$x/denied", "m", 1, packetId: 9));

            var refused = await client.WaitForAsync(PacketType.PubAck);

            Assert.Equal(0x87, refused.Reason);
            Assert.Equal(wanted, refused.Property(PropertyId.ReasonString) is not null);
        }
    }

    [Fact]
    public async Task ReasonString_ThatWouldBeTooLargeForTheClient_IsLeftOut() // [MQTT-3.9.2-1], [MQTT-3.14.2-3]
    {
        var properties = new PacketBytes().Byte((int)PropertyId.MaximumPacketSize).FourBytes(40);
        await using var client = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = Unique.Name("small"), Properties = properties });
        await client.SendAsync(Packets.Subscribe(MqttVersion.V500, 3, ("bad#", 0)));

        var answer = await client.WaitForAsync(PacketType.SubAck);
        Assert.Equal([0x8F], answer.Reasons);
        Assert.Empty(answer.Properties);
    }

    [Fact]
    public async Task ResponseInformation_IsGivenToWhoAsks_WhenConfigured()
    {
        var topic = Unique.Name("reply/");
        (await fixture.Broker.Admin.ChangeMqttSettingsAsync(settings => settings["responseInformation"] = topic + "/%c")).EnsureSuccess();
        var clientId = Unique.Name("requester");
        foreach (var asks in new[] { true, false })
        {
            var properties = new PacketBytes().Byte((int)PropertyId.RequestResponseInformation).Byte(asks ? 1 : 0);
            await using var client = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = clientId, Properties = properties });

            Assert.Equal(asks ? $"{topic}/{clientId}" : null, client.ConnAck!.Property(PropertyId.ResponseInformation));
            await client.DisconnectAsync();
        }

        (await fixture.Broker.Admin.ChangeMqttSettingsAsync(settings => settings["responseInformation"] = null)).EnsureSuccess();
    }

    private async Task<(string Username, string Password)> CredentialAsync(string? password)
    {
        var username = Unique.Name("scram");
        var body = new JsonObject { ["username"] = username, ["publishAcl"] = new JsonArray("#"), ["subscribeAcl"] = new JsonArray("#") };
        if (password is not null)
        {
            body["password"] = password;
        }

        var created = await fixture.Broker.Admin.PostAsync("credentials", body);
        created.EnsureSuccess();
        return (username, password ?? (string)created.Body!["password"]!);
    }

    private async Task<(RawMqttClient Client, ReceivedPacket? Answer, Scram Scram)> ConnectAsync(string username, string password)
    {
        var scram = new Scram(username, password);
        var (client, challenge) = await RawMqttClient.TryConnectAsync(fixture.Port, Connect(Method, scram.First()));
        Assert.Equal(PacketType.Auth, challenge!.Type);
        Assert.Equal(Continue, challenge.Body[0]);
        Assert.Equal(Method, challenge.Property(PropertyId.AuthenticationMethod));
        await client.SendAsync(Auth(Continue, scram.Final(challenge)));
        return (client, await client.ReadAsync(), scram);
    }

    private static ConnectPacket Connect(string method, ReadOnlySpan<byte> data) => new()
    {
        ClientId = Unique.Name("auth"),
        Properties = new PacketBytes().Byte((int)PropertyId.AuthenticationMethod).Text(method).Byte((int)PropertyId.AuthenticationData).Binary(data),
    };

    private static byte[] Auth(int reason, ReadOnlySpan<byte> data, string method = Method) => new PacketBytes()
        .Byte(reason)
        .Properties(new PacketBytes().Byte((int)PropertyId.AuthenticationMethod).Text(method).Byte((int)PropertyId.AuthenticationData).Binary(data))
        .ToPacket(PacketType.Auth);

    /// <summary>The client's side, from RFC 5802.</summary>
    private sealed class Scram(string username, string password)
    {
        private readonly string _bare = $"n={username},r={Convert.ToHexString(RandomNumberGenerator.GetBytes(8))}";
        private string _proof = "";

        public byte[] First() => Encoding.UTF8.GetBytes("n,," + _bare);

        public byte[] Final(ReceivedPacket challenge)
        {
            var first = Encoding.UTF8.GetString((byte[])challenge.Property(PropertyId.AuthenticationData)!);
            var fields = first.Split(',').ToDictionary(field => field[0], field => field[2..]);
            var salted = Rfc2898DeriveBytes.Pbkdf2(password, Convert.FromBase64String(fields['s']), int.Parse(fields['i'], null), HashAlgorithmName.SHA256, 32);
            var key = HMACSHA256.HashData(salted, "Client Key"u8);
            var without = $"c=biws,r={fields['r']}";
            var message = Encoding.UTF8.GetBytes($"{_bare},{first},{without}");
            var signature = HMACSHA256.HashData(SHA256.HashData(key), message);
            _proof = $"v={Convert.ToBase64String(HMACSHA256.HashData(HMACSHA256.HashData(salted, "Server Key"u8), message))}";
            return Encoding.UTF8.GetBytes($"{without},p={Convert.ToBase64String([.. key.Zip(signature, (a, b) => (byte)(a ^ b))])}");
        }

        public bool Proves(ReceivedPacket answer) =>
            answer.Property(PropertyId.AuthenticationData) is byte[] data && Encoding.UTF8.GetString(data) == _proof;
    }
}
