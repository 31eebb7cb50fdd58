using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Chariot.TestKit;
using Chariot.TestKit.Broker;

namespace Chariot.SystemTests.Backup;

/// <summary>Backups of a running broker, over its API and by the command.</summary>
internal static class BackupFiles
{
    public const string Passphrase = "correct horse battery";

    /// <summary><c>chariot</c> with an administrator's sign-in, and the passphrase in its environment when given.</summary>
    public static async Task<CommandResult> RunAsync(BrokerProcess broker, string? passphrase, params string[] arguments)
    {
        var token = (string)(await broker.Admin.TryLoginAsync()).EnsureSuccess().Body!["accessToken"]!;
        string[] environment = [$"CHARIOT_SERVER=http://localhost:{broker.Ports.Http}", $"CHARIOT_TOKEN={token}", .. passphrase is null ? [] : new[] { $"CHARIOT_BACKUP_PASSPHRASE={passphrase}" }];
        return await Command.RunAsync("env", ["-u", "CHARIOT_SERVER", "-u", "CHARIOT_TOKEN", "-u", "CHARIOT_PASSWORD", "-u", "CHARIOT_BACKUP_PASSPHRASE", .. environment, "dotnet", Repository.ServerAssembly, .. arguments], seconds: 90);
    }

    public static async Task<byte[]> SaveAsync(BrokerProcess broker, string? passphrase, bool includeKey)
    {
        using var http = await SignInAsync(broker);
        using var answer = await http.PostAsJsonAsync("api/v1/backup", new { passphrase, includeKey });
        answer.EnsureSuccessStatusCode();
        return await answer.Content.ReadAsByteArrayAsync();
    }

    public static async Task<AdminAnswer> RestoreAsync(BrokerProcess broker, byte[] file, string? passphrase, string query = "")
    {
        using var http = await SignInAsync(broker);
        using var form = new MultipartFormDataContent { { new ByteArrayContent(file), "file", "chariot.backup" } };
        if (passphrase is not null)
        {
            form.Add(new StringContent(passphrase), "passphrase");
        }

        using var answer = await http.PostAsync("api/v1/restore" + query, form);
        var text = await answer.Content.ReadAsStringAsync();
        return new AdminAnswer(answer.StatusCode, JsonNode.Parse(text), text);
    }

    private static async Task<HttpClient> SignInAsync(BrokerProcess broker)
    {
        var token = (string)(await broker.Admin.TryLoginAsync()).EnsureSuccess().Body!["accessToken"]!;
        return new HttpClient
        {
            BaseAddress = new Uri($"http://localhost:{broker.Ports.Http}/"),
            Timeout = TimeSpan.FromSeconds(90),
            DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", token) },
        };
    }
}
