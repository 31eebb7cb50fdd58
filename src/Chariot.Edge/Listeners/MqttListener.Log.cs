using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Chariot.Edge.Listeners;

internal sealed partial class MqttListener
{
    [LoggerMessage(1900, LogLevel.Warning, "{EndPoint} cannot accept connections for now: {Error}. New clients wait. If the limit of open files is reached, raise it (ulimit -n).")]
    private partial void LogAcceptFailed(IPEndPoint endPoint, string error);

    [LoggerMessage(1901, LogLevel.Information, "{EndPoint} accepts connections again.")]
    private partial void LogAcceptsAgain(IPEndPoint endPoint);

    [LoggerMessage(1902, LogLevel.Debug, "A client of {EndPoint} was gone before it was accepted: {Error}.")]
    private partial void LogClientGone(IPEndPoint endPoint, SocketError error);

    [LoggerMessage(1903, LogLevel.Error, "A connection to {EndPoint} was closed because it could not be handed over. This is a fault of the broker; please report it.")]
    private partial void LogHandOverFailed(IPEndPoint endPoint, Exception exception);
}
