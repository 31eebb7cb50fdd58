namespace Chariot.Server.Hosting;

/// <summary>Start-up options of the process: section <c>Chariot</c>. Live settings are not here; they are edited over the API.</summary>
internal sealed class BrokerOptions
{
    public const string Section = "Chariot";
    private static readonly string[] Providers = ["sqlite", "postgres", "azure"];

    /// <summary><c>edge</c> and <c>admin</c>, comma separated.</summary>
    public string Roles { get; set; } = "edge,admin";

    /// <summary>Shown in the admin API; unique in a cluster. Default: the host name.</summary>
    public string NodeName { get; set; } = Environment.MachineName;

    /// <summary>Embedded store and local files.</summary>
    public string DataDirectory { get; set; } = "./data";

    /// <summary>Key that seals secrets at rest; default <c>master.key</c> in the data directory. Required in a cluster.</summary>
    public string? MasterKeyFile { get; set; }

    public StoreOptions Store { get; set; } = new();

    public ClusterOptions Cluster { get; set; } = new();

    public HealthOptions Health { get; set; } = new();

    public TelemetryOptions Telemetry { get; set; } = new();

    public BootstrapOptions Bootstrap { get; set; } = new();

    /// <summary>Whether MQTT clients are served: the process is a silo.</summary>
    public bool IsEdge => RoleNames.Contains("edge");

    public bool IsAdmin => RoleNames.Contains("admin");

    /// <summary>Whether other nodes may share the store.</summary>
    public bool IsClustered => Store.Provider != "sqlite";

    private string[] RoleNames => Roles.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Everything that is wrong, at once.</summary>
    public List<string> Validate()
    {
        var errors = new List<string>();
        if (!Providers.Contains(Store.Provider))
        {
            errors.Add($"Chariot:Store:Provider is '{Store.Provider}'; it must be sqlite (one node), postgres or azure.");
        }

        if (RoleNames.Length == 0 || RoleNames.Except(["edge", "admin"]).Any() || RoleNames.Distinct().Count() != RoleNames.Length)
        {
            errors.Add($"Chariot:Roles is '{Roles}'; it must be 'edge', 'admin' or 'edge,admin'.");
        }
        else if (!IsClustered && !(IsEdge && IsAdmin))
        {
            errors.Add($"Chariot:Roles is '{Roles}'; with the sqlite store one process has both roles: 'edge,admin'.");
        }

        if (IsClustered && string.IsNullOrWhiteSpace(Store.ConnectionString))
        {
            errors.Add($"Chariot:Store:ConnectionString is missing; the {Store.Provider} store needs it.");
        }

        if (IsClustered && string.IsNullOrWhiteSpace(MasterKeyFile))
        {
            errors.Add("Chariot:MasterKeyFile is missing; every node of a cluster needs the same one. Copy <DataDirectory>/master.key of a node that ran alone, or make one: (umask 077; echo '# Chariot master key'; head -c 32 /dev/urandom | base64) > master.key");
        }

        if (string.IsNullOrWhiteSpace(NodeName) || NodeName.Length > 64)
        {
            errors.Add("Chariot:NodeName must have 1 to 64 characters.");
        }

        if (string.IsNullOrWhiteSpace(Cluster.Id) || Cluster.Id.Length > 64)
        {
            errors.Add("Chariot:Cluster:Id must have 1 to 64 characters.");
        }

        if (Cluster.FailureDetection is not ("fast" or "normal"))
        {
            errors.Add($"Chariot:Cluster:FailureDetection is '{Cluster.FailureDetection}'; it must be fast or normal.");
        }

        Cluster.Tls.Validate(IsClustered, errors);
        if (Telemetry.Validate() is { } telemetry)
        {
            errors.Add(telemetry);
        }

        foreach (var (key, port) in new[] { ("Cluster:SiloPort", Cluster.SiloPort ?? 1), ("Cluster:GatewayPort", Cluster.GatewayPort), ("Health:Port", Health.Port) })
        {
            if (port is < 0 or > ushort.MaxValue)
            {
                errors.Add($"Chariot:{key} is {port}; it must be 0 to 65535.");
            }
        }

        return errors;
    }
}

internal sealed class StoreOptions
{
    /// <summary><c>sqlite</c> (one node), <c>postgres</c> or <c>azure</c>.</summary>
    public string Provider { get; set; } = "sqlite";

    /// <summary>Of the postgres or azure store. Holds a password: never logged.</summary>
    public string? ConnectionString { get; set; }
}

internal sealed class ClusterOptions
{
    public const int DefaultSiloPort = 11111;

    public string Id { get; set; } = "chariot";

    /// <summary>Silo-to-silo port; default 11111. On one node: any free port of the loopback address, because it has nobody to talk to.</summary>
    public int? SiloPort { get; set; }

    /// <summary>Where admin-only nodes reach this silo.</summary>
    public int GatewayPort { get; set; } = 30000;

    /// <summary>IP address or host name that the other nodes reach this one by; default: the first address of this machine that is not loopback.</summary>
    public string? AdvertisedAddress { get; set; }

    /// <summary><c>fast</c>: a hung node is noticed after some 5 s; <c>normal</c>: after some 10 s, for machines that pause for seconds.</summary>
    public string FailureDetection { get; set; } = "fast";

    public ClusterTlsOptions Tls { get; set; } = new();
}

/// <summary>Health and metrics of a process without the admin role.</summary>
internal sealed class HealthOptions
{
    public string BindAddress { get; set; } = "0.0.0.0";

    /// <summary>0: off.</summary>
    public int Port { get; set; } = 8081;
}

/// <summary>Values of live settings for the very first start of a store.</summary>
internal sealed class BootstrapOptions
{
    public bool AllowAnonymous { get; set; }
}
