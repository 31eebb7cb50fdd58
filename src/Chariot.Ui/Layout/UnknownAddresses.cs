using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Chariot.Ui.Layout;

/// <summary>Answers 404 to a browser with a page. Programs, and everything below the API, get the problem document.</summary>
internal static class UnknownAddresses
{
    public static Task AnswerAsync(HttpContext context, RequestDelegate next) => context.GetEndpoint() is null && IsTypedByHand(context.Request)
        ? new RazorComponentResult<UnknownAddress> { StatusCode = StatusCodes.Status404NotFound, PreventStreamingRendering = true }.ExecuteAsync(context)
        : next(context);

    // A program accepts anything; only a browser asks for HTML by its name.
    private static bool IsTypedByHand(HttpRequest request) =>
        HttpMethods.IsGet(request.Method)
        && !request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase)
        && request.GetTypedHeaders().Accept.Any(accepted => accepted.MediaType.Equals("text/html", StringComparison.OrdinalIgnoreCase));
}
