using System.Reflection;
using Microsoft.Extensions.Logging;

namespace Chariot.Architecture.Tests;

/// <summary>Log events are found by their number, so a number means one event, from one place.</summary>
public class LogEventTests
{
    private static readonly Dictionary<string, (int First, int Last)> Ranges = new()
    {
        ["Chariot.Edge"] = (1000, 1999),
        ["Chariot.Grains"] = (2000, 2999),
        ["Chariot.Cluster"] = (3000, 3999),
        ["Chariot.Admin"] = (4000, 4999),
        ["Chariot.Ui"] = (4300, 4349),
        ["chariot"] = (5000, 5999),
    };

    private static readonly (Assembly Assembly, MethodInfo Method, LoggerMessageAttribute Event)[] Events =
    [
        .. from assembly in Sources.All
           from type in assembly.GetTypes()
           from method in ContractTests.LogMethods(type)
           select (assembly, method, method.GetCustomAttribute<LoggerMessageAttribute>()!),
    ];

    [Fact]
    public void EventIds_AreUnique()
    {
        Assert.NotEmpty(Events);
        var shared = Events.GroupBy(entry => entry.Event.EventId).Where(group => group.Count() > 1)
            .Select(group => $"{group.Key}: {string.Join(", ", group.Select(entry => $"{entry.Method.DeclaringType}.{entry.Method.Name}"))}");

        Rule.HasNoOffenders(shared);
    }

    [Fact]
    public void EventIds_LieInTheRangeOfTheirAssembly()
    {
        var strays = Events.Where(entry => !Ranges.TryGetValue(entry.Assembly.GetName().Name!, out var range) || entry.Event.EventId < range.First || entry.Event.EventId > range.Last)
            .Select(entry => $"{entry.Event.EventId} in {entry.Method.DeclaringType}");

        Rule.HasNoOffenders(strays);
    }

    [Fact]
    public void EventMessages_NameNoSecret()
    {
        string[] secrets = ["{password}", "{payload}", "{privatekey}", "{key}", "{token}", "{verifier}"];
        var offenders = Events.Where(entry => secrets.Any(secret => entry.Event.Message.Contains(secret, StringComparison.OrdinalIgnoreCase)))
            .Select(entry => $"{entry.Event.EventId}: {entry.Event.Message}");

        Rule.HasNoOffenders(offenders);
    }
}
