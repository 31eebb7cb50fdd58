using System.CommandLine;

namespace Chariot.Server.Commands;

/// <summary><c>chariot clients list|kick</c>.</summary>
internal static class ClientsCommand
{
    private static readonly Argument<string> ClientId = NameArgument.Create("client-id", "Client id");
    private static readonly Option<bool> Session = new("--session") { Description = "Remove its session too: subscriptions and queued messages" };

    public static Command Create() => new("clients", "MQTT clients of the whole cluster")
    {
        new Command("list", "List clients, those with a stored session included").Calls((_, api, stop) => api.GetPagesAsync("clients", stop), ShowList),
        new Command("kick", "Disconnect a client") { ClientId, Session }.Calls(
            (parsed, api, stop) => api.DeleteAsync(
                $"clients/{Uri.EscapeDataString(parsed.GetRequiredValue(ClientId))}{(parsed.GetValue(Session) ? "?session=true" : "")}", stop),
            (_, parsed, output) => output.WriteLine(AlignedText.Clean(
                $"Disconnected {parsed.GetRequiredValue(ClientId)}{(parsed.GetValue(Session) ? " and removed its session" : "")}."))),
    };

    private static void ShowList(ApiAnswer answer, ParseResult parsed, TextWriter output)
    {
        var rows = answer.Body.Items("items").Select(client => new[]
        {
            client.Text("clientId"),
            client.IsTrue("anonymous") ? "(anonymous)" : client.Text("username"),
            client.Text("node"),
            client.Text("address"),
            client.Text("protocol"),
            client.IsTrue("tls") ? "yes" : "no",
            client.IsTrue("connected") ? "since " + client.Time("connectedAt") : "no",
            $"{client.Items("subscriptions").Count()}",
            client.Text("queued"),
        });
        AlignedText.Write(output, rows.Prepend(["CLIENT ID", "USERNAME", "NODE", "ADDRESS", "PROTOCOL", "TLS", "CONNECTED", "SUBSCRIPTIONS", "QUEUED"]));
        foreach (var node in answer.Body.Items("unreachable"))
        {
            Console.Error.WriteLine(AlignedText.Clean($"chariot: {node.Text()} did not answer; its clients are missing here."));
        }
    }
}
