using Chariot.Abstractions.Configuration;
using Microsoft.Extensions.Logging;

namespace Chariot.Ui.Layout;

/// <summary>Tells open pages of every new revision that this process acts on.</summary>
internal sealed partial class ConfigurationNews(ILogger<ConfigurationNews> logger) : IConfigurationConsumer
{
    private volatile BrokerConfiguration? _current;

    /// <summary>On some thread; a page goes to its own with InvokeAsync.</summary>
    public event Action<BrokerConfiguration>? Changed;

    /// <summary>Null until the process has its first configuration.</summary>
    public BrokerConfiguration? Current => _current;

    public ValueTask<string?> PrepareTlsAsync(TlsMaterial candidate, CancellationToken cancellationToken) => ValueTask.FromResult<string?>(null);

    public ValueTask AbandonTlsAsync() => ValueTask.CompletedTask;

    public ValueTask ApplyAsync(ConfigurationChange change, CancellationToken cancellationToken)
    {
        _current = change.Configuration;
        foreach (var reader in Changed?.GetInvocationList().Cast<Action<BrokerConfiguration>>() ?? [])
        {
            try
            {
                reader(change.Configuration);
            }
            catch (Exception e)
            {
                // One page must not keep the others, or the broker, from the new revision.
                LogNotTold(e);
            }
        }

        return ValueTask.CompletedTask;
    }

    [LoggerMessage(4302, LogLevel.Warning, "An open page of the web UI could not be told of a new revision; it may show old values until it is loaded again")]
    private partial void LogNotTold(Exception exception);
}
