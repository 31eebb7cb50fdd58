using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Chariot.Admin.Http;

/// <summary>
/// Refuses requests for a Host that is not on the list (<see cref="AdminOptions.AllowedHosts"/>). A page whose own name was pointed at this
/// host's address comes with that name; under it, the browser would take the host for the page's own (DNS rebinding).
/// </summary>
internal sealed class HostGate(RequestDelegate next, IOptions<AdminOptions> options)
{
    private static readonly Refusal Unknown = new(400, "unknown-host", "This host is not asked for by that name. Chariot:Admin:AllowedHosts has the names that are allowed.");

    private readonly IList<StringSegment> _patterns = [.. options.Value.HostPatterns.Select(name => new StringSegment(name))];

    public Task InvokeAsync(HttpContext context) =>
        _patterns.Count == 0 || IsLoopback(context.Request.Host.Host) || IsHealth(context.Request.Path) || HostString.MatchesAny(context.Request.Host.Host, _patterns)
            ? next(context)
            : Problem.WriteAsync(context, Unknown);

    /// <summary>Whether <paramref name="name"/> can be an entry of the list.</summary>
    public static bool IsPattern(string name) =>
        Uri.CheckHostName(name.StartsWith("*.", StringComparison.Ordinal) ? name[2..] : name) switch
        {
            UriHostNameType.Dns => true,
            UriHostNameType.IPv4 => name[0] != '*',
            // As in a Host header (RFC 9110 section 7.2): in brackets.
            UriHostNameType.IPv6 => name[0] == '[',
            _ => false,
        };

    // No resolver is asked for these, so nobody can point them elsewhere.
    private static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));

    // Probes ask by address; what they are told is no secret.
    private static bool IsHealth(PathString path) => path == "/healthz" || path == "/readyz" || path == "/metrics";
}
