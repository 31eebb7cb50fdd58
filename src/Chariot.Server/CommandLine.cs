namespace Chariot.Server;

/// <summary>Administration from the command line, over the same API as everything else.</summary>
internal static class CommandLine
{
    public static int Run(string[] args)
    {
        Console.Error.WriteLine($"chariot: unknown command '{args[0]}'; this version knows 'serve'.");
        return Hosting.BrokerHost.ConfigurationError;
    }
}
