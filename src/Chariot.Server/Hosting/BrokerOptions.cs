namespace Chariot.Server.Hosting;

/// <summary>Start-up options of the process: section <c>Chariot</c>. Live settings are not here; they are edited over the API.</summary>
internal sealed class BrokerOptions
{
    public const string Section = "Chariot";

    /// <summary><c>edge</c> and <c>admin</c>, comma separated.</summary>
    public string Roles { get; set; } = "edge,admin";

    /// <summary>Shown in the admin API; unique in a cluster. Default: the host name.</summary>
    public string NodeName { get; set; } = Environment.MachineName;

    /// <summary>Embedded store and local files.</summary>
    public string DataDirectory { get; set; } = "./data";

    /// <summary>Key that seals secrets at rest; default <c>master.key</c> in the data directory.</summary>
    public string? MasterKeyFile { get; set; }

    public StoreOptions Store { get; set; } = new();

    public ClusterOptions Cluster { get; set; } = new();

    public BootstrapOptions Bootstrap { get; set; } = new();

    /// <summary>Everything that is wrong, at once.</summary>
    public List<string> Validate()
    {
        var errors = new List<string>();
        if (Store.Provider != "sqlite")
        {
            errors.Add($"Chariot:Store:Provider is '{Store.Provider}'; this version knows 'sqlite' (one node).");
        }

        var roles = Roles.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (!roles.Order().SequenceEqual(["admin", "edge"]))
        {
            errors.Add($"Chariot:Roles is '{Roles}'; with the sqlite store one process has both roles: 'edge,admin'.");
        }

        if (string.IsNullOrWhiteSpace(NodeName) || NodeName.Length > 64)
        {
            errors.Add("Chariot:NodeName must have 1 to 64 characters.");
        }

        return errors;
    }
}

internal sealed class StoreOptions
{
    public string Provider { get; set; } = "sqlite";
}

internal sealed class ClusterOptions
{
    public string Id { get; set; } = "chariot";

    /// <summary>Silo-to-silo port; default: any free port of the loopback address, because one node has nobody to talk to.</summary>
    public int? SiloPort { get; set; }
}

/// <summary>Values of live settings for the very first start of a store.</summary>
internal sealed class BootstrapOptions
{
    public bool AllowAnonymous { get; set; }
}
