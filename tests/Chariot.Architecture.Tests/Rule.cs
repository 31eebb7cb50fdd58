namespace Chariot.Architecture.Tests;

/// <summary>Assertions that name every offender in full.</summary>
internal static class Rule
{
    public static void HasNoOffenders(IEnumerable<string?> offenders)
    {
        var list = offenders.Order(StringComparer.Ordinal).ToArray();
        Assert.True(list.Length == 0, string.Join(Environment.NewLine, list));
    }
}
