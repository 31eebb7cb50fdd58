using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Chariot.Server.Commands;

/// <summary>
/// <c>chariot settings get|set</c>. A setting is named by its field, <c>allowAnonymous</c> or <c>limits.receiveMaximum</c>; the
/// three groups of the API share no name.
/// </summary>
internal static class SettingsCommand
{
    private static readonly string[] Groups = ["mqtt", "tls", "admin"];

    private static readonly Argument<string?> Name = new("name")
    {
        Description = "A setting, or a group: mqtt, tls, admin. All without it",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Argument<string[]> Changes = new("name=value")
    {
        Description = "Settings of one group, changed together; or a name and a value. An empty value means none",
        Arity = ArgumentArity.OneOrMore,
    };

    public static Command Create() => new("settings", "Settings that are changed while the broker runs")
    {
        new Command("get", "Show settings") { Name }.Calls(GetAsync, Show),
        new Command("set", "Change settings; the answer comes when every node acts on them") { Changes }.Calls(SetAsync, ShowChanged),
    };

    private static async Task<ApiAnswer> GetAsync(ParseResult parsed, AdminApi api, CancellationToken stop)
    {
        var name = parsed.GetValue(Name);
        if (Groups.Contains(name))
        {
            return await api.GetAsync("settings/" + name, stop);
        }

        var all = new JsonObject();
        foreach (var group in Groups)
        {
            var answer = await api.GetAsync("settings/" + group, stop);
            if (!answer.Succeeded)
            {
                return answer;
            }

            if (name is not null && Find(answer.Body, name) is { } found)
            {
                return ApiAnswer.Of(new JsonObject { [found.Path] = found.Parent[found.Field]?.DeepClone() });
            }

            all[group] = answer.Body;
        }

        return name is null ? ApiAnswer.Of(all) : throw Unknown(name);
    }

    private static async Task<ApiAnswer> SetAsync(ParseResult parsed, AdminApi api, CancellationToken stop)
    {
        var changes = Pairs(parsed.GetRequiredValue(Changes));
        foreach (var group in Groups)
        {
            var current = await api.GetAsync("settings/" + group, stop);
            if (!current.Succeeded)
            {
                return current;
            }

            var known = changes.Count(change => Find(current.Body, change.Name) is not null);
            if (known == 0)
            {
                continue;
            }

            var body = (JsonObject)current.Body!;
            foreach (var (name, value) in changes)
            {
                var (parent, field, path) = Find(body, name)
                    ?? throw new UsageException($"'{name}' is not among the settings of {group}; one command changes the settings of one group.");
                parent[field] = Convert(parent[field], path, value);
            }

            // With the revision that was read: a change by somebody else in between is not undone.
            return await api.PutAsync("settings/" + group, body, current.EntityTag, stop);
        }

        throw Unknown(changes[0].Name);
    }

    private static List<(string Name, string Value)> Pairs(string[] arguments)
    {
        if (arguments is [var name, var value] && !name.Contains('=', StringComparison.Ordinal))
        {
            return [(name, value)];
        }

        return [.. arguments.Select(argument => argument.Split('=', 2) is [var left, var right]
            ? (left, right)
            : throw new UsageException($"'{argument}' has no value; write {argument}=value."))];
    }

    /// <summary>Looks a dotted name up, whatever its case. Revision and nodes describe the answer and are no settings.</summary>
    private static (JsonObject Parent, string Field, string Path)? Find(JsonNode? settings, string name)
    {
        foreach (var (parent, field, path) in Leaves(settings, ""))
        {
            if (path.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                return (parent, field, path);
            }
        }

        return null;
    }

    private static IEnumerable<(JsonObject Parent, string Field, string Path)> Leaves(JsonNode? node, string prefix)
    {
        foreach (var (field, value) in node as JsonObject ?? [])
        {
            if (field is "revision" or "nodes")
            {
                continue;
            }

            if (value is not JsonObject)
            {
                yield return ((JsonObject)node!, field, prefix + field);
                continue;
            }

            foreach (var leaf in Leaves(value, prefix + field + "."))
            {
                yield return leaf;
            }
        }
    }

    /// <summary>The text as the kind of value that the setting has now; the API judges the value itself.</summary>
    private static JsonNode? Convert(JsonNode? current, string path, string text) => current?.GetValueKind() switch
    {
        JsonValueKind.True or JsonValueKind.False => bool.TryParse(text, out var flag) ? flag : throw new UsageException($"{path} is true or false, not '{text}'."),
        JsonValueKind.Number => long.TryParse(text, out var number) ? number : throw new UsageException($"{path} is a whole number, not '{text}'."),
        _ => text.Length == 0 ? null : text,
    };

    private static void ShowChanged(ApiAnswer answer, ParseResult parsed, TextWriter output)
    {
        var names = Pairs(parsed.GetRequiredValue(Changes)).Select(change => change.Name).ToArray();
        AlignedText.Write(output, Leaves(answer.Body, "").Where(leaf => names.Contains(leaf.Path, StringComparer.OrdinalIgnoreCase)).Select(Row));
    }

    private static void Show(ApiAnswer answer, ParseResult parsed, TextWriter output)
    {
        // Several groups at once: each setting under the name that 'set' takes.
        var groups = Groups.Select(answer.Body.Field).OfType<JsonObject>().ToArray();
        var leaves = groups.Length == 0 ? Leaves(answer.Body, "") : groups.SelectMany(group => Leaves(group, ""));
        AlignedText.Write(output, leaves.Select(Row));
    }

    private static string?[] Row((JsonObject Parent, string Field, string Path) leaf) => [leaf.Path, leaf.Parent[leaf.Field].Text() ?? "none"];

    private static UsageException Unknown(string name) => new($"There is no setting '{name}'; 'chariot settings get' lists them.");
}
