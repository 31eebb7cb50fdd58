using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Chariot.Edge.Links;

/// <summary>Log events of the links between edges.</summary>
internal sealed partial class PeerLog(ILogger<PeerLog> logger)
{
    private readonly ILogger _logger = logger;

    [LoggerMessage(1400, LogLevel.Warning, "Silo {Silo} did not take a frame; it is sent again until it does or is declared dead. If this repeats, check that node and the network to it")]
    public partial void FrameFailed(Exception error, SiloAddress silo);

    [LoggerMessage(1401, LogLevel.Information, "Linked to silo {Silo}")]
    public partial void Linked(SiloAddress silo);

    [LoggerMessage(1402, LogLevel.Warning, "Silo {Silo} is dead; {Routes} routes of it wait for others to adopt its sessions, {Unsettled} publishes were under way to it")]
    public partial void Lost(SiloAddress silo, int routes, int unsettled);

    [LoggerMessage(1403, LogLevel.Error, "An item of silo {Silo} could not be applied and was passed over; this is a defect of the broker, please report it with this text")]
    public partial void ItemFailed(Exception error, SiloAddress silo);

    [LoggerMessage(1405, LogLevel.Warning, "Silo {Silo} did not answer to the greeting of this node; it is tried again until it does or is declared dead")]
    public partial void HelloFailed(Exception error, SiloAddress silo);

    [LoggerMessage(1406, LogLevel.Error, "The view of the cluster could not be followed; it is tried again")]
    public partial void WatchFailed(Exception error);

    [LoggerMessage(1407, LogLevel.Warning, "Silo {Silo} did not hand over the session of {ClientId}; it is continued from the store")]
    public partial void ReleaseFailed(Exception error, SiloAddress silo, string clientId);

    [LoggerMessage(1416, LogLevel.Warning, "The session of {ClientId} could not be continued from the store yet; it is tried again. Check that the store is reachable")]
    public partial void ArrivalFailed(Exception error, string clientId);

    [LoggerMessage(1415, LogLevel.Warning, "The session of {ClientId} has come back and its silo of before did not fetch it within {Seconds} s; it is continued from the store. If this repeats, check that all nodes reach each other")]
    public partial void StillLeaving(string clientId, double seconds);

    [LoggerMessage(1409, LogLevel.Information, "Adopted {Sessions} durable sessions of silos that are gone")]
    public partial void Adopted(int sessions);

    [LoggerMessage(1412, LogLevel.Warning, "Not every silo has confirmed the routes of adopted sessions within {Seconds} s; waiting goes on. Check that all nodes reach each other")]
    public partial void BarrierRepeated(double seconds);

    [LoggerMessage(1417, LogLevel.Information, "The end of the connection of {ClientId}, whose silo is gone, could not be recorded yet; tried again")]
    public partial void CloseRepeated(Exception error, string clientId);

    [LoggerMessage(1413, LogLevel.Error, "The end of the connection of {ClientId}, whose silo is gone, could not be recorded; its will may not have been published")]
    public partial void CloseFailed(Exception error, string clientId);

    [LoggerMessage(1411, LogLevel.Warning, "Sessions of silos that are gone could not be adopted yet; it is tried again. Check that the store is reachable")]
    public partial void AdoptionFailed(Exception error);
}
