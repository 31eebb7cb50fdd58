namespace Chariot.Server.Hosting;

/// <summary>Another node of this name is alive.</summary>
internal sealed class DuplicateNodeException(string nodeName, string silo)
    : Exception($"The cluster has a live node '{nodeName}' already (silo {silo}). Give this one its own Chariot:NodeName.");
