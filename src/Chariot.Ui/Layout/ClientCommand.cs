using System.Collections.Immutable;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Nodes;
using Chariot.Ui.Sessions;

namespace Chariot.Ui.Layout;

/// <summary>Commands to copy into a terminal, with the address, port and CA file that clients need here.</summary>
internal sealed class ClientCommand(Addresses addresses, ConfigurationNews news, NodeDirectory nodes, CurrentUser user)
{
    private int _plainPort = 1883;
    private int _securePort = 8883;

    public bool IsSecure => news.Current?.Ssl is not null;

    /// <summary>The CA chain under the name that it was uploaded by.</summary>
    public string CaFile => news.Current?.Ssl?.Files.GetValueOrDefault(SslFile.CaChain)?.FileName ?? "root-ca.pem";

    /// <summary>Asks for the ports; without an answer they are MQTT's own.</summary>
    public async Task LoadAsync()
    {
        var act = await user.ReadAsync(nodes.DescribeAsync);
        if (act.Refusal is null)
        {
            var listeners = act.Value.SelectMany(n => n.Description?.Listeners ?? []).ToList();
            _plainPort = PortOf(listeners, "mqtt://") ?? _plainPort;
            _securePort = PortOf(listeners, "mqtts://") ?? _securePort;
        }
    }

    public string Text(string tool, string username, string password, string rest) =>
        $"{tool} -h {addresses.Host} -p {(IsSecure ? $"{_securePort} --cafile {Quoted(CaFile)}" : _plainPort)} -u {Quoted(username)} -P {Quoted(password)} {rest}";

    /// <summary>As a POSIX shell reads one word.</summary>
    public static string Quoted(string word) =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '/' or ':' or '@')
            ? word
            : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    /// <summary>A topic that an entry of a publish ACL allows.</summary>
    public static string TopicOf(string filter, string clientId, string username) => string.Join('/', filter.Split('/').Select(level => level switch
    {
        "#" => "hello",
        "+" => "any",
        _ => level.Replace("%c", clientId, StringComparison.Ordinal).Replace("%u", username, StringComparison.Ordinal),
    }));

    private static int? PortOf(IEnumerable<string> listeners, string scheme) =>
        listeners.FirstOrDefault(l => l.StartsWith(scheme, StringComparison.Ordinal)) is { } listener && Uri.TryCreate(listener, UriKind.Absolute, out var uri) ? uri.Port : null;
}
