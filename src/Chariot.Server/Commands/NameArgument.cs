using System.CommandLine;

namespace Chariot.Server.Commands;

/// <summary>A name that becomes the last segment of a path.</summary>
internal static class NameArgument
{
    public static Argument<string> Create(string name, string description)
    {
        var argument = new Argument<string>(name) { Description = description };
        argument.Validators.Add(result =>
        {
            // The two dots would be taken for steps through the path, RFC 3986 section 5.2.4.
            if (result.Tokens is [{ Value: "" or "." or ".." }])
            {
                result.AddError($"'{result.Tokens[0].Value}' is no {name} that a command can address.");
            }
        });
        return argument;
    }
}
