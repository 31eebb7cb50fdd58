namespace Chariot.Server.Hosting;

internal sealed partial class ServerLog(ILogger<ServerLog> logger)
{
    private readonly ILogger _logger = logger;

    [LoggerMessage(5000, LogLevel.Information, "Ready: node {Node} accepts clients")]
    public partial void Ready(string node);

    [LoggerMessage(5001, LogLevel.Critical, "The broker could not start")]
    public partial void StartFailed(Exception error);

    [LoggerMessage(5003, LogLevel.Warning, "The process could not be hardened in one point: {Step}")]
    public partial void NotHardened(string step);

    [LoggerMessage(5004, LogLevel.Error, "A part of the configuration is not in force on this node: {Error}")]
    public partial void NotApplied(string error);

    [LoggerMessage(5002, LogLevel.Information, "Chariot:Bootstrap values are ignored: the configuration has been written before; change it over the admin API")]
    public partial void BootstrapIgnored();

    [LoggerMessage(5300, LogLevel.Information, "Ready: node {Node} answers the admin API")]
    public partial void ReadyToAdminister(string node);

    [LoggerMessage(5301, LogLevel.Warning, "No gateway of the cluster can be reached yet ({Cause}); trying again. Check that edge nodes run with the same Chariot:Cluster:Id and store")]
    public partial void NoGateway(string cause);

    [LoggerMessage(5302, LogLevel.Warning, "This node answers for a change that it could not read back; it follows within a second of reaching a silo again")]
    public partial void NotRefreshed(Exception error);

    [LoggerMessage(5304, LogLevel.Warning, "The node could not leave the cluster in order; the others notice within seconds")]
    public partial void NotLeft(Exception error);

    [LoggerMessage(5303, LogLevel.Warning, "Node {Node} is listed in membership as Active and does not answer; this node of the same name starts all the same")]
    public partial void NamesakeSilent(string node);

    [LoggerMessage(5305, LogLevel.Critical, "The other nodes have declared node {Node} dead while it did not answer, and have taken its clients' sessions over. It ends with exit code 3 and has to be started again, which systemd, Compose and Kubernetes do by themselves. If this repeats, look for what stops it for seconds: too little CPU or memory, a suspended machine, a broken network. ({Reason})")]
    public partial void DeclaredDead(string node, string reason);

    [LoggerMessage(5306, LogLevel.Critical, "Node {Node} cannot take part in the cluster any more and ends with exit code 1; start it again. If this repeats, check that the store is reachable. ({Reason})")]
    public partial void SiloFailed(Exception error, string node, string reason);

    [LoggerMessage(5307, LogLevel.Warning, "Not all clients could be let go in time; they are cut off and connect again. If the store is away, start it before the nodes")]
    public partial void ClientsNotLetGo(Exception error);

    [LoggerMessage(5308, LogLevel.Error, "The orderly stop has not come to its end after {Seconds} s; the process ends now, with exit code 1. Look whether the store is reachable")]
    public partial void StopTookTooLong(int seconds);
}
