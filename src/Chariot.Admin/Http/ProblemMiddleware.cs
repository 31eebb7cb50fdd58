using System.Text.Json;
using Chariot.Admin.Audit;
using Chariot.Abstractions.Configuration;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Chariot.Admin.Http;

/// <summary>
/// Gives every failure the form of problem details. What is thrown goes to the log, never into an answer: exception texts
/// name files, hosts and sometimes input.
/// </summary>
internal sealed partial class ProblemMiddleware(RequestDelegate next, ILogger<ProblemMiddleware> logger)
{
    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
        }
        catch (BadHttpRequestException e)
        {
            await AnswerAsync(context, Describe(e));
            return;
        }
        catch (AuditUnavailableException e)
        {
            LogAuditUnavailable(e.InnerException);
            await AnswerAsync(context, Problem.ForException(e));
            return;
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The caller is gone; nobody reads an answer.
            LogAborted(context.Request.Method);
            return;
        }
        catch (IOException e) when (context.RequestAborted.IsCancellationRequested)
        {
            LogAborted(context.Request.Method);
            LogAbortCause(e);
            return;
        }
        catch (Exception e)
        {
            LogFailed(e, context.Request.Method, (context.GetEndpoint() as Microsoft.AspNetCore.Routing.RouteEndpoint)?.RoutePattern.RawText ?? "?");
            await AnswerAsync(context, Problem.ForException(e));
            return;
        }

        if (context.Response is { HasStarted: false, StatusCode: >= 400, ContentLength: null, ContentType: null } response)
        {
            await Problem.WriteAsync(context, Problem.ForStatus(response.StatusCode));
        }
    }

    private async Task AnswerAsync(HttpContext context, Refusal refusal)
    {
        if (context.Response.HasStarted)
        {
            LogTooLate(refusal.Code);
            context.Abort();
            return;
        }

        context.Response.Clear();
        SecurityHeaders.Set(context);
        await Problem.WriteAsync(context, refusal);
    }

    private static Refusal Describe(BadHttpRequestException e)
    {
        if (e.InnerException is not JsonException json)
        {
            return Problem.ForStatus(e.StatusCode);
        }

        var finding = new Finding("json.invalid", FindingSeverity.Error, "This is not the JSON that is expected here.")
        {
            Field = FieldOf(json.Path),
            Line = json.LineNumber is { } line ? (int)Math.Min(line + 1, int.MaxValue) : null,
            Remedy = "Check the name, the type and the nesting of this field; /openapi/v1.json describes them.",
        };
        return new Refusal(400, "bad-json", "The body is not the JSON that is expected here.") { Findings = [finding] };
    }

    private static string? FieldOf(string? path) =>
        path is null or "$" ? null : path.StartsWith("$.", StringComparison.Ordinal) ? path[2..] : path;

    [LoggerMessage(4000, LogLevel.Error, "{Method} {Route} failed; the caller got 500 or 503")]
    private partial void LogFailed(Exception exception, string method, string route);

    [LoggerMessage(4001, LogLevel.Error, "The audit log cannot be written, so changes are refused. Check the store")]
    private partial void LogAuditUnavailable(Exception? exception);

    [LoggerMessage(4002, LogLevel.Debug, "A caller went away during {Method}")]
    private partial void LogAborted(string method);

    [LoggerMessage(4003, LogLevel.Debug, "What the caller's going away broke")]
    private partial void LogAbortCause(Exception exception);

    [LoggerMessage(4004, LogLevel.Warning, "An answer failed with {Code} after it had begun; the connection was cut")]
    private partial void LogTooLate(string code);
}
