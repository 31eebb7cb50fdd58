namespace Chariot.TestKit.Broker;

/// <summary>Where things lie, found from the test's own output folder.</summary>
public static class Repository
{
    /// <summary>The folder that holds Chariot.sln.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Debug or Release, as the running test was built.</summary>
    public static string Configuration { get; } = new DirectoryInfo(AppContext.BaseDirectory).Parent?.Name ?? "Debug";

    /// <summary>The built server, same configuration.</summary>
    public static string ServerAssembly
    {
        get
        {
            var path = Path.Combine(Root, "src", "Chariot.Server", "bin", Configuration, "net10.0", "chariot.dll");
            return File.Exists(path) ? path : throw new FileNotFoundException("build src/Chariot.Server first", path);
        }
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Chariot.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException($"no Chariot.sln above {AppContext.BaseDirectory}");
    }
}
