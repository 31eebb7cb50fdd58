using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Chariot.Ui.Sessions;

/// <summary>
/// What travels a circuit is what people type, MQTT passwords among it, and what they are shown once. SignalR logs its calls with their
/// arguments below Information, so those levels stay off, whatever the configuration says.
/// </summary>
internal static class CircuitLog
{
    private static readonly string[] Categories = ["Microsoft.AspNetCore.SignalR", "Microsoft.AspNetCore.Http.Connections", "Microsoft.AspNetCore.Components", "Microsoft.JSInterop"];

    public static void KeepCircuitsOutOfTheLog(this IServiceCollection services) => services.PostConfigure<LoggerFilterOptions>(options =>
    {
        // One rule decides for a category and a provider, the most special one: so each gets the condition.
        for (var i = 0; i < options.Rules.Count; i++)
        {
            var rule = options.Rules[i];
            options.Rules[i] = new LoggerFilterRule(
                rule.ProviderName, rule.CategoryName, rule.LogLevel, (provider, category, level) => IsAllowed(category, level) && rule.Filter?.Invoke(provider, category, level) != false);
        }

        options.Rules.Insert(0, new LoggerFilterRule(null, null, options.MinLevel, static (_, category, level) => IsAllowed(category, level)));
    });

    private static bool IsAllowed(string? category, LogLevel level) =>
        level >= LogLevel.Information || category is null || !Array.Exists(Categories, prefix => category.StartsWith(prefix, StringComparison.Ordinal));
}
