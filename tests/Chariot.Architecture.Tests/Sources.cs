using System.Reflection;

namespace Chariot.Architecture.Tests;

/// <summary>The assemblies and source files that the rules are about.</summary>
internal static class Sources
{
    public static string Root { get; } = FindRoot();

    public static Assembly Abstractions { get; } = Load("Chariot.Abstractions");
    public static Assembly Grains { get; } = Load("Chariot.Grains");
    public static Assembly Edge { get; } = Load("Chariot.Edge");
    public static Assembly Cluster { get; } = Load("Chariot.Cluster");
    public static Assembly Admin { get; } = Load("Chariot.Admin");
    public static Assembly Ui { get; } = Load("Chariot.Ui");
    public static Assembly Server { get; } = Load("chariot");

    public static IReadOnlyList<Assembly> All { get; } = [Abstractions, Grains, Edge, Cluster, Admin, Ui, Server];

    /// <summary>Every file below src and tests with this ending, generated ones aside; paths relative to the root.</summary>
    public static IEnumerable<string> Files(string ending, params string[] folders) =>
        from folder in folders
        from file in Directory.EnumerateFiles(Path.Combine(Root, folder), "*" + ending, SearchOption.AllDirectories)
        let relative = Path.GetRelativePath(Root, file).Replace('\\', '/')
        where !relative.Contains("/bin/", StringComparison.Ordinal) && !relative.Contains("/obj/", StringComparison.Ordinal)
        select relative;

    public static string Read(string relative) => File.ReadAllText(Path.Combine(Root, relative));

    private static Assembly Load(string name) => Assembly.Load(new AssemblyName(name));

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Chariot.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException("no Chariot.sln above the tests");
    }
}
