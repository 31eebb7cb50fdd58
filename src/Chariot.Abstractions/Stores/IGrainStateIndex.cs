namespace Chariot.Abstractions.Stores;

/// <summary>Reads persisted grain state in bulk, without activating grains.</summary>
public interface IGrainStateIndex
{
    /// <summary>
    /// States saved under <paramref name="stateName"/>, ordered by grain key (ordinal), keys above <paramref name="afterKey"/>
    /// and beginning with <paramref name="prefix"/>.
    /// </summary>
    Task<IReadOnlyList<KeyValuePair<string, T>>> ReadAsync<T>(string stateName, string? afterKey, int limit, string? prefix = null, CancellationToken cancellationToken = default);
}

/// <summary>State names: one per grain type, shared by the grain and by bulk readers.</summary>
public static class StateNames
{
    /// <summary>Storage provider name that every grain uses.</summary>
    public const string Provider = "chariot";
    public const string Session = "session";
    public const string SessionPartition = "session-partition";
    public const string Credential = "credential";
    public const string Configuration = "configuration";
    public const string Accounts = "accounts";
    public const string ClientTrust = "client-trust";
    public const string Restore = "restore";
}
