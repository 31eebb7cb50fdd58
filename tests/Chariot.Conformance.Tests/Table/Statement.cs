namespace Chariot.Conformance.Tests.Table;

/// <summary>One normative statement of a standard, as listed in Statements/.</summary>
/// <param name="Standard"><c>3</c> for MQTT 3.1.1, <c>5</c> for MQTT 5.0.</param>
/// <param name="Number">Its number in the standard: <c>3.1.2-24</c>.</param>
/// <param name="Server">Whether it binds a server that has what this one has.</param>
/// <param name="Says">What it says, in short and in our words.</param>
/// <param name="WhyNot">Why it does not apply.</param>
internal sealed record Statement(string Standard, string Number, bool Server, string Says, string WhyNot)
{
    public string Id => $"{Standard}:{Number}";

    public static IReadOnlyList<Statement> Read(string standard, string file) =>
    [
        .. File.ReadLines(file).Skip(1).Where(line => line.Length > 0).Select(line => line.Split('\t'))
            .Select(fields => new Statement(standard, fields[0], fields[1] == "yes", fields[2], fields.Length > 3 ? fields[3] : "")),
    ];
}
