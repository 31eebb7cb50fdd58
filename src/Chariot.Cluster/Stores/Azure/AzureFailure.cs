using System.Net.Sockets;
using Azure;

namespace Chariot.Cluster.Stores.Azure;

/// <summary>What an exception of Azure's SDK means to whoever tries again.</summary>
internal static class AzureFailure
{
    public const int NotFound = 404;
    private const int Conflict = 409;
    private const int PreconditionFailed = 412;
    private const int TooManyRequests = 429;
    private const int RequestTimeout = 408;

    /// <summary>Another writer was first.</summary>
    public static bool IsConflict(RequestFailedException error) => error.Status is Conflict or PreconditionFailed;

    public static GroupFailure Judge(Exception error) => error switch
    {
        FenceMovedException => GroupFailure.Conflict,
        // Status 0: no answer at all. The SDK has tried three times by then.
        RequestFailedException { Status: 0 or RequestTimeout or TooManyRequests or >= 500 } => GroupFailure.Unreachable,
        RequestFailedException { Status: 400 or 413 } => GroupFailure.OneWork,
        RequestFailedException => GroupFailure.Refused,
        AggregateException { InnerExceptions: [var first, ..] } => Judge(first),
        OperationCanceledException or SocketException or HttpRequestException or IOException or TimeoutException => GroupFailure.Unreachable,
        _ => GroupFailure.OneWork,
    };
}

/// <summary>A session's fence was written by another process between its reading and the write that relied on it.</summary>
internal sealed class FenceMovedException(Exception cause) : Exception("A fence was moved meanwhile.", cause);
