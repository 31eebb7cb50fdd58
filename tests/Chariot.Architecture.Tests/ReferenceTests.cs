using System.Reflection;

namespace Chariot.Architecture.Tests;

/// <summary>
/// Which assembly may know which. Arrows point toward Abstractions only, so the contracts there are the only doors: an edge
/// cannot name a grain class, a grain cannot name a socket.
/// </summary>
public class ReferenceTests
{
    private static readonly string[] Sockets = ["MQTTnet", "Microsoft.AspNetCore.Server.Kestrel.Core", "Microsoft.AspNetCore.Connections.Abstractions"];
    private static readonly string[] Silo = ["Orleans.Server", "Orleans.Runtime"];

    public static TheoryData<string, string[], string[]> Rules() => new()
    {
        // assembly, Chariot assemblies that it may reference, others that it never may
        { "Chariot.Abstractions", [], ["MQTTnet", "BouncyCastle.Cryptography", "Microsoft.Data.Sqlite", .. Silo] },
        { "Chariot.Grains", ["Chariot.Abstractions"], [.. Sockets, "Microsoft.Data.Sqlite"] },
        { "Chariot.Edge", ["Chariot.Abstractions"], ["Microsoft.Data.Sqlite", "BouncyCastle.Cryptography", .. Silo] },
        { "Chariot.Cluster", ["Chariot.Abstractions"], ["MQTTnet"] },
        { "Chariot.Admin", ["Chariot.Abstractions"], ["MQTTnet", "Microsoft.Data.Sqlite", .. Silo] },
        { "Chariot.Ui", ["Chariot.Abstractions", "Chariot.Admin"], ["MQTTnet", "Microsoft.Data.Sqlite", "BouncyCastle.Cryptography", .. Silo] },
        { "chariot", ["Chariot.Abstractions", "Chariot.Grains", "Chariot.Edge", "Chariot.Cluster", "Chariot.Admin", "Chariot.Ui"], ["MQTTnet"] },
    };

    [Theory]
    [MemberData(nameof(Rules))]
    public void Assembly_ReferencesOnlyWhatItMay(string name, string[] allowed, string[] never)
    {
        var references = Sources.All.Single(assembly => assembly.GetName().Name == name).GetReferencedAssemblies().Select(reference => reference.Name!).ToArray();

        Rule.HasNoOffenders(references.Where(IsOurs).Except(allowed));
        Rule.HasNoOffenders(references.Intersect(never));
    }

    /// <summary>The compiler leaves out references that nothing uses yet; the project file is the promise.</summary>
    [Theory]
    [MemberData(nameof(Rules))]
    public void Project_NamesOnlyWhatItMay(string name, string[] allowed, string[] never)
    {
        var project = Sources.Read(name == "chariot" ? "src/Chariot.Server/Chariot.Server.csproj" : $"src/{name}/{name}.csproj");
        var items = System.Xml.Linq.XDocument.Parse(project).Descendants().Where(element => element.Attribute("Include") is not null).ToArray();
        var projects = items.Where(item => item.Name.LocalName == "ProjectReference")
            .Select(item => Path.GetFileNameWithoutExtension(item.Attribute("Include")!.Value.Replace('\\', '/')));
        var packages = items.Where(item => item.Name.LocalName == "PackageReference").Select(item => item.Attribute("Include")!.Value.Replace("Microsoft.Orleans.", "Orleans.", StringComparison.Ordinal));

        Rule.HasNoOffenders(projects.Except(allowed));
        Rule.HasNoOffenders(packages.Intersect(never));
    }

    [Fact]
    public void Tests_AreNotReferencedByTheProduct()
    {
        var references = Sources.All.SelectMany(assembly => assembly.GetReferencedAssemblies()).Select(reference => reference.Name!);

        Assert.DoesNotContain(references, name => name.EndsWith(".Tests", StringComparison.Ordinal) || name == "Chariot.TestKit" || name.StartsWith("xunit", StringComparison.Ordinal));
    }

    private static bool IsOurs(string name) => name.StartsWith("Chariot.", StringComparison.Ordinal) || name == "chariot";
}
