using System.Net;
using System.Net.Sockets;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Start;

public class StartTests
{
    [Fact]
    public async Task FirstStart_WithoutAPassword_PrintsOneOnce_AndDemandsItsChange()
    {
        const string NewPassword = "a-password-of-my-own";
        await using var broker = await BrokerProcess.StartAsync(new BrokerOptions { AdminPassword = null });
        var oneTime = await FindPasswordAsync(broker);

        using (var admin = new AdminClient(broker.Ports.Http, oneTime))
        {
            var refused = await admin.GetAsync("credentials");
            Assert.Equal(HttpStatusCode.Forbidden, refused.Status);
            Assert.Equal("password-change-required", refused.Problem);

            var tooShort = await admin.PostAsync("account/password", new { currentPassword = oneTime, newPassword = "short" });
            Assert.Equal(HttpStatusCode.BadRequest, tooShort.Status);

            var changed = await admin.PostAsync("account/password", new { currentPassword = oneTime, newPassword = NewPassword });
            Assert.Equal(HttpStatusCode.NoContent, changed.Status);
        }

        using (var admin = new AdminClient(broker.Ports.Http, NewPassword))
        {
            (await admin.GetAsync("credentials")).EnsureSuccess();
        }

        await broker.RestartAsync();

        using (var admin = new AdminClient(broker.Ports.Http, NewPassword))
        {
            (await admin.GetAsync("credentials")).EnsureSuccess();
        }

        using (var admin = new AdminClient(broker.Ports.Http, oneTime))
        {
            Assert.Equal(HttpStatusCode.Unauthorized, (await admin.TryLoginAsync()).Status);
        }

        Assert.Single(broker.Output.Split(oneTime)[1..]);
    }

    [Fact]
    public async Task FirstStart_WithAPasswordGiven_NeedsNoChange_AndDoesNotPrintIt()
    {
        await using var broker = await BrokerProcess.StartAsync();

        (await broker.Admin.GetAsync("credentials")).EnsureSuccess();
        Assert.DoesNotContain(BrokerOptions.DefaultPassword, broker.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SecondStart_WithAnotherPasswordGiven_KeepsTheFirst()
    {
        using var directory = new TempDirectory();
        var options = new BrokerOptions { DataDirectory = directory.Path };
        await using (var first = await BrokerProcess.StartAsync(options))
        {
            Assert.Equal(0, await first.StopAsync());
        }

        await using var second = await BrokerProcess.StartAsync(options with { AdminPassword = "another-password-2" });
        using var admin = new AdminClient(second.Ports.Http, BrokerOptions.DefaultPassword);
        (await admin.GetAsync("credentials")).EnsureSuccess();
    }

    [Fact]
    public async Task Start_SaysReadyOnce_WhenClientsCanConnect()
    {
        await using var broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous);

        await using var client = await RawMqttClient.ConnectAsync(broker.Ports.Mqtt, new ConnectPacket { ClientId = "first" });
        Assert.Equal(HttpStatusCode.OK, (await broker.Admin.GetRootAsync("healthz")).Status);
        Assert.Equal(HttpStatusCode.OK, (await broker.Admin.GetRootAsync("readyz")).Status);
        Assert.Single(broker.Output.Split('\n'), line => BrokerProcess.ReadyLine().IsMatch(line));
    }

    [Fact]
    public async Task Start_OnAPortInUse_ExitsWith2_AndNamesThePort()
    {
        var ports = BrokerPorts.Choose();
        using var occupant = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        occupant.Bind(new IPEndPoint(IPAddress.Loopback, ports.Mqtt));
        occupant.Listen();

        await using var broker = BrokerProcess.Launch(new BrokerOptions { Ports = ports });

        Assert.Equal(2, await broker.WaitForExitAsync(60));
        Assert.Contains($"{ports.Mqtt}", broker.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_OnAnAdminPortInUse_ExitsWith2_AndNamesThePort()
    {
        var ports = BrokerPorts.Choose();
        using var occupant = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        occupant.Bind(new IPEndPoint(IPAddress.Loopback, ports.Http));
        occupant.Listen();

        await using var broker = BrokerProcess.Launch(new BrokerOptions { Ports = ports });

        Assert.Equal(2, await broker.WaitForExitAsync(60));
        Assert.Contains($"{ports.Http}", broker.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Arguments_OverrideTheEnvironment()
    {
        var port = BrokerPorts.Free();
        await using var broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous with
        {
            Arguments = ["serve", "--Chariot:Mqtt:Port", $"{port}"],
        });

        await using var client = await RawMqttClient.ConnectAsync(port, new ConnectPacket { ClientId = "by-argument" });
        await Assert.ThrowsAsync<SocketException>(() => RawMqttClient.DialAsync(broker.Ports.Mqtt));
    }

    [Fact]
    public async Task Anonymous_IsRefusedByDefault()
    {
        await using var broker = await BrokerProcess.StartAsync();

        var (client, answer) = await RawMqttClient.TryConnectAsync(broker.Ports.Mqtt, new ConnectPacket { ClientId = "nobody" });
        await using (client)
        {
            Assert.Equal(0x87, answer?.Reason);
            Assert.Null(await client.ReadAsync());
        }
    }

    [Fact]
    public async Task SigTerm_EndsWithExitCode0_AndTellsClients()
    {
        await using var broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous);
        await using var client = await RawMqttClient.ConnectAsync(broker.Ports.Mqtt, new ConnectPacket { ClientId = "told" });

        Assert.Equal(0, await broker.StopAsync());
        var last = await client.ReadToCloseAsync();

        Assert.True(last is { Type: PacketType.Disconnect, Reason: 0x8B or 0x9C or 0x9D }, $"{last}");
    }

    /// <summary>The words of the message are free; the password is the word in it that opens the door.</summary>
    private static async Task<string> FindPasswordAsync(BrokerProcess broker)
    {
        var lines = broker.Output.Split('\n');
        var candidates = lines
            .SelectMany((line, index) => line.Contains("password", StringComparison.OrdinalIgnoreCase) ? lines.Skip(index).Take(3) : [])
            .SelectMany(line => line.Split([' ', '\t', '"', '\'', ','], StringSplitOptions.RemoveEmptyEntries))
            .SelectMany(word => new[] { word.Trim(), word.Trim().TrimEnd('.', ';', ':') })
            .Where(word => word.Length >= 10 && !word.Contains(']', StringComparison.Ordinal) && word.Any(char.IsDigit))
            .Distinct();
        foreach (var word in candidates)
        {
            using var admin = new AdminClient(broker.Ports.Http, word);
            if ((await admin.TryLoginAsync()).Status == HttpStatusCode.OK)
            {
                return word;
            }
        }

        throw new InvalidOperationException("no one-time password among the output:" + Environment.NewLine + broker.Output);
    }
}
