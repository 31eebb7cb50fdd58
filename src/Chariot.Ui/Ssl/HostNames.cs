namespace Chariot.Ui.Ssl;

/// <summary>Whether a browser will find the name it asked for in a certificate (RFC 6125 section 6.4.3).</summary>
internal static class HostNames
{
    public static bool Covers(IEnumerable<string> alternativeNames, string host) => alternativeNames.Any(name => Matches(name, host.Trim('[', ']')));

    private static bool Matches(string name, string host)
    {
        var colon = name.IndexOf(':', StringComparison.Ordinal);
        var value = colon < 0 ? name : name[(colon + 1)..];
        if (value.StartsWith("*.", StringComparison.Ordinal))
        {
            var dot = host.IndexOf('.', StringComparison.Ordinal);
            return dot > 0 && string.Equals(host[dot..], value[1..], StringComparison.OrdinalIgnoreCase);
        }

        return string.Equals(value, host, StringComparison.OrdinalIgnoreCase);
    }
}
