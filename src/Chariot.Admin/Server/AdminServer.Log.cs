using System.Net;
using Microsoft.Extensions.Logging;

namespace Chariot.Admin.Server;

internal sealed partial class AdminServer
{
    [LoggerMessage(4060, LogLevel.Information, "Admin HTTP listens on {EndPoint}")]
    private partial void LogHttpOpened(IPEndPoint endPoint);

    [LoggerMessage(4061, LogLevel.Information, "Admin HTTPS listens on {EndPoint} with certificate {Fingerprint}")]
    private partial void LogHttpsOpened(IPEndPoint endPoint, string fingerprint);

    [LoggerMessage(4062, LogLevel.Information, "Admin HTTPS on {EndPoint} is closed")]
    private partial void LogHttpsClosed(IPEndPoint endPoint);

    [LoggerMessage(4063, LogLevel.Error, "Admin HTTPS cannot open. {Cause}. Free the port or change Chariot:Admin:HttpsPort, and restart")]
    private partial void LogHttpsNotOpened(string cause);

    [LoggerMessage(4064, LogLevel.Debug, "Opening port {Port} failed")]
    private partial void LogOpenFailed(Exception exception, int port);

    [LoggerMessage(4065, LogLevel.Warning, "Closing {EndPoint} failed; connections that were left are cut")]
    private partial void LogCloseFailed(Exception exception, IPEndPoint endPoint);

    [LoggerMessage(4066, LogLevel.Warning, "{EndPoint} could not be kept for the time when plain HTTP is switched on again; see that nothing else takes it")]
    private partial void LogNotReserved(Exception exception, IPEndPoint endPoint);
}
