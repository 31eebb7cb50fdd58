namespace Chariot.Ui.Credentials;

/// <summary>Says in words what an entry of an ACL means.</summary>
internal static class AclWords
{
    public static string Of(string entry, bool publish)
    {
        var denied = entry is ['!', ..];
        var filter = denied ? entry[1..] : entry;
        var verb = publish ? "publish to" : "subscribe to";
        return $"{(denied ? $"Must not {verb}" : $"May {verb}")} {Topics(filter)}{(denied ? "; this wins over every other entry." : ".")}";
    }

    private static string Topics(string filter)
    {
        if (filter == "#")
        {
            return "every topic, but those that begin with $";
        }

        var levels = filter.Split('/');
        var tree = levels[^1] == "#";
        var named = (tree ? levels[..^1] : levels).Select(Level).ToList();
        var path = string.Join(" / ", named);
        return tree ? $"{path} and everything below" : named.Count == 1 && levels[0] == "+" ? "every topic of one level" : path;
    }

    private static string Level(string level) => level switch
    {
        "+" => "(any one level)",
        "" => "(an empty level)",
        _ => level.Replace("%c", "(the client id)", StringComparison.Ordinal).Replace("%u", "(the username)", StringComparison.Ordinal),
    };
}
