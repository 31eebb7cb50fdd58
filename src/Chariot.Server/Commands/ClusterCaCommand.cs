using System.CommandLine;

namespace Chariot.Server.Commands;

/// <summary><c>chariot cluster-ca</c>: everything that mutual TLS between the nodes of a cluster needs, in one command, without a server.</summary>
internal static class ClusterCaCommand
{
    private static readonly Option<string> Out = new("--out")
    {
        Description = "Folder for the files; made when missing. One that holds a cluster CA already keeps it",
        HelpName = "folder",
        DefaultValueFactory = _ => "cluster-ca",
    };

    private static readonly Option<string[]> Nodes = new("--node")
    {
        Description = "Make the pair of a node of this name; repeat for more",
        HelpName = "name",
        Required = true,
    };

    private static readonly Option<int> Days = new("--days")
    {
        Description = "Days that the pairs are valid, 1 to 3650; the CA is valid for ten years",
        HelpName = "days",
        DefaultValueFactory = _ => 825,
    };

    public static Command Create()
    {
        var command = new Command("cluster-ca", "Make a CA for the connections between the nodes of a cluster, and a pair for each node. Needs no server") { Out, Nodes, Days };
        command.SetAction(parsed =>
        {
            try
            {
                Make(parsed);
                return ExitCode.Success;
            }
            catch (UsageException error)
            {
                Console.Error.WriteLine($"chariot: {AlignedText.Clean(error.Message)}");
                return ExitCode.Usage;
            }
        });
        return command;
    }

    private static void Make(ParseResult parsed)
    {
        var folder = new PairFolder(parsed.GetRequiredValue(Out));
        var nodes = (parsed.GetValue(Nodes) ?? []).Distinct().ToArray();
        var days = parsed.GetValue(Days);
        if (days is < 1 or > 3650)
        {
            throw new UsageException("--days is 1 to 3650.");
        }

        // They become file names.
        if (nodes.FirstOrDefault(node => !DevCaCommand.IsFileName(node) || node == ClusterAuthority.File) is { } odd)
        {
            throw new UsageException($"'{odd}' is no name for a node's files; use at most 64 letters, digits, '-', '_' and '.', and not '{ClusterAuthority.File}'.");
        }

        foreach (var node in nodes)
        {
            folder.Refuse(node);
        }

        using var authority = ClusterAuthority.OpenOrCreate(folder);
        foreach (var node in nodes)
        {
            authority.CreateNode(folder, node, days);
        }

        string File(string name) => Path.Combine(folder.Path, name);
        AlignedText.Write(
            Console.Out,
            [
                ["CA, for every node", File(ClusterAuthority.File + ".crt")],
                ["Its key; keep it off the nodes", File(ClusterAuthority.File + ".key")],
                .. nodes.Select(node => new string?[] { $"Pair of {node}", $"{File(node + ".crt")}, {File(node + ".key")}" }),
            ]);
        Console.Out.WriteLine("On each node:  Chariot:Cluster:Tls:AuthorityFile, Chariot:Cluster:Tls:CertificateFile and Chariot:Cluster:Tls:KeyFile");
    }
}
