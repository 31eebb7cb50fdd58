using System.Net;
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

    /// <summary>Address of the MQTT ports, <c>Chariot:Mqtt:BindAddress</c>: what is served there is judged here.</summary>
    internal string MqttBindAddress { get; set; } = "0.0.0.0";

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

        return errors.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(errors);
    }
}
