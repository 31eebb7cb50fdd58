using Microsoft.Extensions.Logging;

namespace Chariot.Edge.Diagnostics;

/// <summary>Log events of the edge. Ids are unique within Chariot and stable; none holds a password, a payload or a key.</summary>
internal sealed partial class EdgeLog(ILogger<EdgeLog> logger)
{
    private readonly ILogger _logger = logger;
    private readonly LogLimiter _limiter = new();

    public void ConnectRefused(string address, string reason)
    {
        if (_limiter.Allows(address, reason, out var leftOut))
        {
            WriteConnectRefused(address, reason, leftOut);
        }
    }

    public void HandshakeFailed(string address, string reason)
    {
        if (_limiter.Allows(address, nameof(HandshakeFailed), out var leftOut))
        {
            WriteHandshakeFailed(address, reason, leftOut);
        }
    }

    public void ProtocolViolation(string clientId, string address, string reason)
    {
        if (_limiter.Allows(address, reason, out var leftOut))
        {
            WriteProtocolViolation(clientId, address, reason, leftOut);
        }
    }

    [LoggerMessage(1000, LogLevel.Information, "Listening on {Endpoint} ({Kind})")]
    public partial void Listening(string endpoint, string kind);

    [LoggerMessage(1001, LogLevel.Information, "Closed the listener on {Endpoint} ({Kind})")]
    public partial void ListenerClosed(string endpoint, string kind);

    [LoggerMessage(1002, LogLevel.Debug, "Connection of {Address} was lost")]
    public partial void ConnectionLost(Exception error, string address);

    [LoggerMessage(1003, LogLevel.Error, "Connection of {Address} failed for a reason that is a defect of the broker; please report it with this text")]
    public partial void ConnectionFailed(Exception error, string address);

    [LoggerMessage(1004, LogLevel.Debug, "Sending to {Address} failed")]
    public partial void SendFailed(Exception error, string address);

    [LoggerMessage(1005, LogLevel.Error, "Ending the session of {Client} after its connection failed; it is repaired at the client's next CONNECT")]
    public partial void CloseFailed(Exception error, string client);

    [LoggerMessage(1006, LogLevel.Information, "Client {ClientId} connected from {Address} as {Principal}, MQTT {Version}")]
    public partial void Connected(string clientId, string address, string principal, string version);

    [LoggerMessage(1007, LogLevel.Information, "Client {ClientId} disconnected: {Reason}")]
    public partial void Disconnected(string clientId, string reason);

    [LoggerMessage(1008, LogLevel.Information, "Refused a CONNECT from {Address}: {Reason} ({LeftOut} more like it were not logged)")]
    private partial void WriteConnectRefused(string address, string reason, int leftOut);

    [LoggerMessage(1009, LogLevel.Error, "The store refused a commit; publishers are not acknowledged until it works again: check free space and permissions of the data directory")]
    public partial void StoreRefused(Exception error);

    [LoggerMessage(1010, LogLevel.Error, "The stored queue of {ClientId} could not be read; it is tried again at the client's next acknowledgement or CONNECT")]
    public partial void QueueNotRead(Exception error, string clientId);

    [LoggerMessage(1011, LogLevel.Warning, "TLS handshake with {Address} failed: {Reason} ({LeftOut} more like it were not logged)")]
    private partial void WriteHandshakeFailed(string address, string reason, int leftOut);

    [LoggerMessage(1012, LogLevel.Warning, "Client {ClientId} at {Address} sent what MQTT does not allow: {Reason}; its connection is closed ({LeftOut} more like it were not logged)")]
    private partial void WriteProtocolViolation(string clientId, string address, string reason, int leftOut);

    [LoggerMessage(1013, LogLevel.Warning, "Client {ClientId} may not have its will published any more; it was dropped")]
    public partial void WillDenied(string clientId);

    [LoggerMessage(1021, LogLevel.Information, "Stopping: {Clients} clients are told to go, {Slice} at a time")]
    public partial void Draining(int clients, int slice);

    [LoggerMessage(1014, LogLevel.Information, "Loaded {Sessions} durable sessions, {Subscriptions} subscriptions and {Retained} retained messages")]
    public partial void Loaded(int sessions, int subscriptions, int retained);

    [LoggerMessage(1015, LogLevel.Error, "The session grain of {ClientId} did not answer; the client was refused with Server Unavailable")]
    public partial void GrainUnavailable(Exception error, string clientId);

    [LoggerMessage(1414, LogLevel.Warning, "The session of {ClientId} belongs to another node, which this one had not been told; it was let go. If this repeats, check that all nodes reach each other")]
    public partial void SessionFenced(string clientId);

    [LoggerMessage(1410, LogLevel.Warning, "Not every silo has confirmed a new subscription within {Seconds} s; it was refused and undone. Check that all nodes reach each other")]
    public partial void BarrierFailed(double seconds);

    [LoggerMessage(1020, LogLevel.Error, "A CONNECT from {Address} could not be decided; the client was refused with Server Unavailable and may try again")]
    public partial void ConnectFailed(Exception error, string address);

    [LoggerMessage(1016, LogLevel.Information, "Configuration revision {Revision} in force: {Disconnected} clients disconnected, {Suspended} subscriptions suspended, {Resumed} resumed")]
    public partial void ConfigurationApplied(long revision, int disconnected, int suspended, int resumed);

    [LoggerMessage(1017, LogLevel.Warning, "{Reason}")]
    public partial void ListenerFailed(string reason);

    [LoggerMessage(1018, LogLevel.Error, "The sweep over connections failed; it goes on with the next one")]
    public partial void SweepFailed(Exception error);

    [LoggerMessage(1019, LogLevel.Error, "The expired session of {ClientId} could not be removed; it is tried again")]
    public partial void ExpiryFailed(Exception error, string clientId);

    [LoggerMessage(1200, LogLevel.Debug, "The probe of the served certificate at {Address} has seen what it came for and ended its handshake")]
    public partial void OwnHandshakeEnded(string address);

    [LoggerMessage(1201, LogLevel.Warning, "A client with certificate {SerialNumber} (SHA-256 {Fingerprint}) was refused: its names can be read in more than one way (two CNs, a multi-valued RDN, control characters), and a mapping looks at them. Have it issued again with clear names")]
    public partial void CertificateUnclear(string serialNumber, string fingerprint);

    [LoggerMessage(1202, LogLevel.Warning, "A client with certificate {SerialNumber} was refused: credential {Username}, which it is mapped to, is disabled or deleted")]
    public partial void MappedCredentialUnusable(string serialNumber, string username);

    [LoggerMessage(1203, LogLevel.Error, "Credential {Username}, which a client certificate is mapped to, could not be read; the client was refused with Server Unavailable and may try again")]
    public partial void MappedCredentialNotRead(Exception error, string username);

    [LoggerMessage(1204, LogLevel.Information, "Client certificates under revision {Revision}: {Closed} connections closed whose certificate is not accepted any more")]
    public partial void CertificatesApplied(long revision, int closed);

    [LoggerMessage(1300, LogLevel.Warning, "Client {ClientId} at {Address} failed to authenticate again: {Reason}; its connection is closed")]
    public partial void ReAuthenticationFailed(string clientId, string address, string reason);

    [LoggerMessage(1301, LogLevel.Error, "Messages of a shared subscription could not be moved from {From} to other members; they stay stored and are tried again at the next start or reconnect. Check that the store works")]
    public partial void SharedNotMoved(Exception error, string from);

    [LoggerMessage(1302, LogLevel.Error, "Retained messages could not be sent to {ClientId}; its connection is closed, and it gets them when it subscribes again")]
    public partial void ReplayFailed(Exception error, string clientId);

    [LoggerMessage(1030, LogLevel.Warning, "{Bytes} bytes wait for durable sessions, more than 70 % of the limit of {Maximum} (maximumDurableBytes). See which clients stay away, or raise the limit")]
    public partial void DurableQueuesFilling(long bytes, long maximum);

    [LoggerMessage(1031, LogLevel.Error, "{Bytes} bytes wait for durable sessions, more than 90 % of the limit of {Maximum} (maximumDurableBytes): what would have to wait is refused, and so are new durable sessions. Remove sessions that are not needed, or raise the limit")]
    public partial void DurableQueuesFull(long bytes, long maximum);

    [LoggerMessage(1032, LogLevel.Information, "{Bytes} bytes wait for durable sessions, less again than the limit of {Maximum} warns or refuses at")]
    public partial void DurableQueuesHaveRoom(long bytes, long maximum);

    [LoggerMessage(1033, LogLevel.Error, "The heap is above {Percent} % of the memory that the process may use (maximumMemoryPercent): no connection is accepted until there is room. Give the process more memory, or spread its clients")]
    public partial void MemoryIsShort(int percent);

    [LoggerMessage(1034, LogLevel.Information, "There is memory again: connections are accepted")]
    public partial void MemoryIsFree();

    [LoggerMessage(1035, LogLevel.Warning, "The store did not answer while the node stopped. What waited to be stored was not acknowledged; its senders repeat it")]
    public partial void StoppedWithoutStore();
}
