using System.Net;
using Chariot.Admin.Http;
using Microsoft.Extensions.Options;

namespace Chariot.Admin;

/// <summary>Start-up options of the admin host: <c>Chariot:Admin:*</c>.</summary>
public sealed class AdminOptions
{
    public const string Section = "Chariot:Admin";

    /// <summary>IP address that HTTP and HTTPS listen on. Default loopback: whoever opens it decides to.</summary>
    public string BindAddress { get; set; } = "127.0.0.1";

    /// <summary>0: any free port, named in the log. Default 8080.</summary>
    public int HttpPort { get; set; } = 8080;

    /// <summary>Open while SSL is set up. 0: any free port; -1: never. Default 8443.</summary>
    public int HttpsPort { get; set; } = 8443;

    /// <summary>Whether a private key that comes over plain HTTP from another host is refused (403) instead of warned of.</summary>
    public bool RefuseKeyOverHttp { get; set; }

    /// <summary>
    /// Names that the host may be asked for by, separated by ';' or ',': <c>mqtt.plant.example;*.plant.example</c>. Empty or <c>*</c> (the default): any.
    /// With a list, a request for another Host is refused with 400, so that no page of others reaches this host under a name of its own
    /// (DNS rebinding). Loopback names, and health checks, are always answered.
    /// </summary>
    public string AllowedHosts { get; set; } = "*";

    /// <summary>API requests per second of one account, API token or, not signed in, address, on this host. 1 to 100,000; 0: no limit. Default 50.</summary>
    public int RequestsPerSecond { get; set; } = 50;

    /// <summary>Address of the MQTT ports, <c>Chariot:Mqtt:BindAddress</c>: what is served there is judged here.</summary>
    internal string MqttBindAddress { get; set; } = "0.0.0.0";

    /// <summary>Empty: any.</summary>
    internal IReadOnlyList<string> HostPatterns =>
        AllowedHosts.Split([';', ','], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) is var names && names.Contains("*") ? [] : names;

    internal IPAddress Address => IPAddress.Parse(BindAddress);
}

internal sealed class AdminOptionsValidator : IValidateOptions<AdminOptions>
{
    public ValidateOptionsResult Validate(string? name, AdminOptions options)
    {
        var errors = new List<string>();
        if (!IPAddress.TryParse(options.BindAddress, out _))
        {
            errors.Add($"{AdminOptions.Section}:BindAddress is '{options.BindAddress}'; it must be an IP address, for example 127.0.0.1 or 0.0.0.0.");
        }

        if (options.HttpPort is < 0 or > IPEndPoint.MaxPort)
        {
            errors.Add($"{AdminOptions.Section}:HttpPort is {options.HttpPort}; it must be 0 to 65535.");
        }

        if (options.HttpsPort is < -1 or > IPEndPoint.MaxPort)
        {
            errors.Add($"{AdminOptions.Section}:HttpsPort is {options.HttpsPort}; it must be -1 to 65535.");
        }

        foreach (var pattern in options.HostPatterns.Where(p => !HostGate.IsPattern(p)))
        {
            errors.Add($"{AdminOptions.Section}:AllowedHosts has '{pattern}'; it must be a host name without scheme and port, an IP address (IPv6 in brackets), or *. and a domain.");
        }

        if (options.RequestsPerSecond is < 0 or > 100_000)
        {
            errors.Add($"{AdminOptions.Section}:RequestsPerSecond is {options.RequestsPerSecond}; it must be 0 (no limit) to 100000.");
        }

        return errors.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(errors);
    }
}
