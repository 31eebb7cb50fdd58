using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Chariot.Server.Commands;

/// <summary>What all administration commands do around their call: connect, sign in, print, sign out, exit code.</summary>
internal static class ApiCommand
{
    // As readable as what the API sends: a + stays a +. It is for a terminal or a pipe, never for a page of HTML.
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <param name="call">The call, signed in.</param>
    /// <param name="show">Prints what a successful call answered for a person; not used with <c>--json</c>.</param>
    /// <param name="judge">Exit code of a successful call; null for 0.</param>
    public static Command Calls(
        this Command command,
        Func<ParseResult, AdminApi, CancellationToken, Task<ApiAnswer>> call,
        Action<ApiAnswer, ParseResult, TextWriter> show,
        Func<ApiAnswer, int>? judge = null)
    {
        command.SetAction(async (parsed, cancellationToken) =>
        {
            try
            {
                using var api = ConnectionOptions.Connect(parsed);
                var answer = await CallAsync(parsed, api, call, cancellationToken);
                Print(answer, parsed, show);
                if (!answer.Succeeded)
                {
                    return ExitCode.Refused;
                }

                return judge?.Invoke(answer) ?? ExitCode.Success;
            }
            catch (UsageException error)
            {
                await Console.Error.WriteLineAsync($"chariot: {AlignedText.Clean(error.Message)}");
                return ExitCode.Usage;
            }
        });
        return command;
    }

    private static async Task<ApiAnswer> CallAsync(
        ParseResult parsed, AdminApi api, Func<ParseResult, AdminApi, CancellationToken, Task<ApiAnswer>> call, CancellationToken cancellationToken)
    {
        if (await ConnectionOptions.SignInAsync(parsed, api, cancellationToken) is { } refused)
        {
            return refused;
        }

        try
        {
            return await call(parsed, api, cancellationToken);
        }
        finally
        {
            if (await api.LogoutAsync(cancellationToken) is { } notEnded)
            {
                await Console.Error.WriteLineAsync($"chariot: the session was not ended and runs out by itself: {AlignedText.Clean(notEnded)}");
            }
        }
    }

    private static void Print(ApiAnswer answer, ParseResult parsed, Action<ApiAnswer, ParseResult, TextWriter> show)
    {
        if (ConnectionOptions.IsJson(parsed))
        {
            if (answer.Body is not null)
            {
                Console.Out.WriteLine(answer.Body.ToJsonString(Readable));
            }
            else if (!answer.Succeeded)
            {
                Console.Error.WriteLine($"chariot: {answer.Sentence()}");
            }

            return;
        }

        if (!answer.Succeeded)
        {
            Console.Error.WriteLine($"chariot: {AlignedText.Clean(answer.Sentence())}");
            FindingText.Write(answer.Body, Console.Error);
            return;
        }

        show(answer, parsed, Console.Out);
        foreach (var node in answer.Body.Items("nodes").Where(node => node.Field("applied") is not null && !node.IsTrue("applied")))
        {
            Console.Error.WriteLine(AlignedText.Clean($"chariot: node {node.Text("node")} does not act on it: {node.Text("error") ?? "no reason given"}"));
        }
    }
}
