using System.Text.Json;
using Chariot.Abstractions.Stores;
using Chariot.Admin.Http;
using Microsoft.Extensions.Logging;

namespace Chariot.Admin.Audit;

/// <summary>The audit log cannot be written. <see cref="Exception.Message"/> is for the caller.</summary>
internal sealed class AuditUnavailableException(string message, Exception inner) : Exception(message, inner);

/// <summary>Who acts, for the audit log.</summary>
/// <param name="Name">Username, or the name of an API token.</param>
/// <param name="Address">Remote address.</param>
internal sealed record Actor(string Name, string Address);

/// <summary>
/// Records changes. An entry is written before the change (so that an unwritable log stops it) and one after it with what came
/// of it, before the caller is answered.
/// </summary>
internal sealed partial class AuditTrail(IAuditLog log, TimeProvider time, ILogger<AuditTrail> logger)
{
    public const string Requested = "requested";

    private static readonly JsonSerializerOptions Json = AdminJson.Create();

    /// <param name="before">State before, without secrets; null when there is none to speak of.</param>
    /// <param name="after">State asked for, without secrets.</param>
    public async Task<Act<T>> RecordAsync<T>(Actor actor, string action, string target, object? before, object? after, Func<Task<Act<T>>> change)
    {
        var detail = JsonSerializer.Serialize(new { before, after }, Json);
        await AppendAsync(actor, action, target, Requested, detail, "The audit log cannot be written, so nothing was changed.");
        Act<T> act;
        try
        {
            act = await change();
        }
        catch (Exception e)
        {
            LogFailedChange(action, e);
            await AppendAsync(actor, action, target, "failed", detail, "The change failed, and the audit log cannot be written.");
            throw;
        }

        var outcome = act.Refusal is { } refusal ? refusal.Code : act.Partial ? "partly-applied" : "applied";
        var nodes = act.Refusal?.Nodes ?? act.Nodes;
        await AppendAsync(
            actor,
            action,
            target,
            outcome,
            nodes.IsEmpty ? detail : JsonSerializer.Serialize(new { before, after, nodes = nodes.Select(n => new { n.Node, n.Revision, n.Applied, n.Error }) }, Json),
            "The change was made, but its outcome could not be written to the audit log.");
        return act;
    }

    /// <summary>Records what changes nothing, such as a refused sign-in. An unwritable log is told of, and stops nothing.</summary>
    public async Task NoteAsync(Actor actor, string action, string target, string outcome)
    {
        try
        {
            await AppendAsync(actor, action, target, outcome, "{}", "");
        }
        catch (AuditUnavailableException e)
        {
            LogNotNoted(action, e.InnerException);
        }
    }

    private async Task AppendAsync(Actor actor, string action, string target, string outcome, string detail, string onFailure)
    {
        try
        {
            // Not cancelled with the request: a caller that hangs up must not leave a change unrecorded.
            await log.AppendAsync(new AuditEntry(0, time.GetUtcNow(), actor.Name, actor.Address, action, target, outcome, detail), CancellationToken.None);
        }
        catch (Exception e)
        {
            throw new AuditUnavailableException(onFailure, e);
        }
    }

    [LoggerMessage(4010, LogLevel.Warning, "{Action} failed; the audit log says so")]
    private partial void LogFailedChange(string action, Exception exception);

    [LoggerMessage(4011, LogLevel.Error, "The audit log cannot be written ({Action} is not recorded). Check the store")]
    private partial void LogNotNoted(string action, Exception? exception);
}
