namespace Chariot.TestKit;

/// <summary>
/// The normative statements that a test proves: <c>3:3.1.2-24</c> of MQTT 3.1.1, <c>5:3.1.2-22</c> of MQTT 5.0. Read from the
/// sources by the table in docs/conformance.md.
/// </summary>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class NormativeAttribute(params string[] statements) : Attribute
{
    public IReadOnlyList<string> Statements { get; } = statements;
}
