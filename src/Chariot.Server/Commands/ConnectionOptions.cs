using System.CommandLine;

namespace Chariot.Server.Commands;

/// <summary>
/// The options that every administration command has. Defaults from the environment are read late and not by the parser,
/// whose help would print them, the token included.
/// </summary>
internal static class ConnectionOptions
{
    private const string DefaultServer = "http://localhost:8080";

    private static readonly Option<string?> Server = new("--server")
    {
        Description = $"Admin API of the broker. Environment: CHARIOT_SERVER. Default: {DefaultServer}",
        HelpName = "url",
        Recursive = true,
    };

    private static readonly Option<string?> Token = new("--token")
    {
        Description = "API or login token. Environment: CHARIOT_TOKEN",
        HelpName = "token",
        Recursive = true,
    };

    private static readonly Option<string?> Username = new("--username")
    {
        Description = "Sign in with this account, when there is no token",
        HelpName = "name",
        Recursive = true,
    };

    private static readonly Option<string?> Password = new("--password")
    {
        Description = "Password of --username. Environment: CHARIOT_PASSWORD, which other users of the machine cannot see",
        HelpName = "password",
        Recursive = true,
    };

    private static readonly Option<bool> Json = new("--json")
    {
        Description = "Print the answer of the API as JSON",
        Recursive = true,
    };

    private static readonly Option<string?> CaFile = new("--cafile")
    {
        Description = "PEM file with the root certificate to trust for https",
        HelpName = "file",
        Recursive = true,
    };

    public static IReadOnlyList<Option> All { get; } = [Server, Token, Username, Password, Json, CaFile];

    public static bool IsJson(ParseResult parsed) => parsed.GetValue(Json);

    /// <summary>Throws <see cref="UsageException"/>.</summary>
    public static AdminApi Connect(ParseResult parsed)
    {
        var server = parsed.GetValue(Server) ?? FromEnvironment("CHARIOT_SERVER") ?? DefaultServer;
        if (!Uri.TryCreate(server, UriKind.Absolute, out var address) || (address.Scheme != Uri.UriSchemeHttp && address.Scheme != Uri.UriSchemeHttps))
        {
            throw new UsageException($"--server is no address of a server; it looks like {DefaultServer}.");
        }

        // Such an address would be printed with every message.
        return address.UserInfo.Length == 0
            ? new AdminApi(address, parsed.GetValue(CaFile))
            : throw new UsageException("--server names no account; give --username and --password.");
    }

    /// <summary>A token as it was given, or a login. The refusal of a login is returned.</summary>
    public static async Task<ApiAnswer?> SignInAsync(ParseResult parsed, AdminApi api, CancellationToken cancellationToken)
    {
        var username = parsed.GetValue(Username);
        if (username is null && parsed.GetValue(Password) is not null)
        {
            // Taken for the password of a new credential, say, it would be ignored in silence.
            throw new UsageException("--password is for signing in and goes with --username.");
        }

        if (username is not null && parsed.GetValue(Token) is not null)
        {
            throw new UsageException("Give --token or --username, not both.");
        }

        // A name that was typed means more than a token that happens to be in the environment.
        var token = parsed.GetValue(Token) ?? (username is null ? FromEnvironment("CHARIOT_TOKEN") : null);
        if (token is not null)
        {
            api.UseToken(token);
            return null;
        }

        if (username is null)
        {
            throw new UsageException("Who are you? Give --token, set CHARIOT_TOKEN, or give --username and --password.");
        }

        var password = parsed.GetValue(Password) ?? FromEnvironment("CHARIOT_PASSWORD")
            ?? throw new UsageException("Give --password, or set CHARIOT_PASSWORD.");
        return await api.LoginAsync(username, password, cancellationToken);
    }

    private static string? FromEnvironment(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
