using System.Net;
using System.Net.Sockets;

namespace Chariot.TestKit.Broker;

/// <summary>The ports of one broker process, chosen before it starts so that they survive its restarts.</summary>
public sealed record BrokerPorts(int Mqtt, int Mqtts, int Ws, int Wss, int Http, int Https, int Silo, int Gateway)
{
    // Below the range that Linux takes outgoing ports from (32768 up): a port that is free now is not lost to a client's socket.
    private const int First = 20_000;
    private const int Count = 12_000;
    private static int _next = Random.Shared.Next(Count);

    public static BrokerPorts Choose() => new(Free(), Free(), Free(), Free(), Free(), Free(), Free(), Free());

    /// <summary>A port that nothing listens on and that this process has not handed out before.</summary>
    public static int Free()
    {
        for (var tries = 0; tries < Count; tries++)
        {
            var port = First + (int)((uint)Interlocked.Increment(ref _next) % Count);
            using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                probe.Bind(new IPEndPoint(IPAddress.Any, port));
                return port;
            }
            catch (SocketException)
            {
                // Taken; the next one.
                continue;
            }
        }

        throw new InvalidOperationException("no free port");
    }
}
