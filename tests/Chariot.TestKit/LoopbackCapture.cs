using System.Buffers;
using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Chariot.TestKit;

/// <summary>
/// Everything that travels over TCP (IPv4) on this machine to or from given ports, as a packet socket sees it, put together again by
/// connection and direction. Needs the right to open one (root, or CAP_NET_RAW).
/// </summary>
public sealed class LoopbackCapture : IDisposable
{
    private const int LinkHeader = 14;
    private readonly Dictionary<(ushort From, ushort To), Flow> _flows = [];
    private readonly Socket _socket;
    private readonly Thread _reader;
    private volatile bool _stopping;

    public LoopbackCapture(IReadOnlyCollection<int> ports)
    {
        _socket = Open();
        try
        {
            Prepare(_socket, ports);
        }
        catch
        {
            _socket.Dispose();
            throw;
        }

        _reader = new Thread(Read) { IsBackground = true, Name = "capture" };
        _reader.Start();
    }

    /// <summary>Why nothing can be captured here; null when it can.</summary>
    public static string? Unavailable
    {
        get
        {
            try
            {
                using var socket = Open();
                return null;
            }
            catch (SocketException error)
            {
                return $"a packet socket cannot be opened ({error.Message}); run as root";
            }
        }
    }

    /// <summary>Bytes that are missing in what was captured, because they came faster than they were read.</summary>
    public long Lost
    {
        get
        {
            lock (_flows)
            {
                return _flows.Values.Sum(flow => flow.Lost);
            }
        }
    }

    /// <summary>What was sent so far to and from a port, both directions of each connection one after the other.</summary>
    public byte[] Of(params int[] ports)
    {
        lock (_flows)
        {
            return [.. _flows.Where(flow => ports.Contains(flow.Key.From) || ports.Contains(flow.Key.To)).SelectMany(flow => flow.Value.Bytes)];
        }
    }

    public void Dispose()
    {
        _stopping = true;
        _reader.Join();
        _socket.Dispose();
    }

    // ETH_P_ALL in network order; the address family and the socket's type are Linux's own.
    private static Socket Open() => new(AddressFamily.Packet, SocketType.Raw, (ProtocolType)0x0300);

    private static unsafe void Prepare(Socket socket, IReadOnlyCollection<int> ports)
    {
        const int SolSocket = 1;
        const int AttachFilter = 26;
        const int ReceiveBufferForce = 33;
        var program = Filter(ports);
        fixed (Instruction* first = program)
        {
            var filter = new FilterProgram { Length = (ushort)program.Length, First = (nint)first };
            socket.SetRawSocketOption(SolSocket, AttachFilter, MemoryMarshal.AsBytes(new ReadOnlySpan<FilterProgram>(in filter)));
        }

        Span<byte> size = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(size, 64 * 1024 * 1024);
        socket.SetRawSocketOption(SolSocket, ReceiveBufferForce, size);
        socket.ReceiveTimeout = 200;
    }

    /// <summary>Classic BPF: TCP over IPv4 from or to one of the ports, whole.</summary>
    private static Instruction[] Filter(IReadOnlyCollection<int> ports)
    {
        var list = ports.Distinct().ToArray();
        var program = new List<Instruction>
        {
            new(0x28, 0, 0, 12), // ldh [12]: the protocol
            new(0x15, 0, (byte)((2 * list.Length) + 5), 0x0800), // IPv4, or drop
            new(0x30, 0, 0, 23), // ldb [23]
            new(0x15, 0, (byte)((2 * list.Length) + 3), 6), // TCP, or drop
            new(0xB1, 0, 0, LinkHeader), // ldxb 4*([14]&0xf): length of the IP header
        };
        foreach (var (offset, after) in new[] { (LinkHeader, list.Length + 1), (LinkHeader + 2, 0) })
        {
            program.Add(new(0x48, 0, 0, (uint)offset)); // ldh [x + offset]: source port, then destination port
            for (var i = 0; i < list.Length; i++)
            {
                // Over the rest of these, the other load with its list, and the drop.
                program.Add(new(0x15, (byte)(list.Length - i - 1 + after + 1), 0, (uint)list[i]));
            }
        }

        program.Add(new(0x06, 0, 0, 0)); // drop
        program.Add(new(0x06, 0, 0, 0x40000)); // keep
        return [.. program];
    }

    private void Read()
    {
        var frame = new byte[256 * 1024];
        while (!_stopping)
        {
            int length;
            try
            {
                length = _socket.Receive(frame);
            }
            catch (SocketException error) when (error.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock or SocketError.Interrupted)
            {
                // Nothing to read; time to look whether it is over.
                continue;
            }

            Take(frame.AsSpan(0, length));
        }
    }

    private void Take(ReadOnlySpan<byte> frame)
    {
        var ip = frame[LinkHeader..];
        var total = BinaryPrimitives.ReadUInt16BigEndian(ip[2..]);
        var tcp = ip[((ip[0] & 0xF) * 4)..(total == 0 ? ip.Length : Math.Min(total, ip.Length))];
        var payload = tcp[((tcp[12] >> 4) * 4)..];
        var key = (BinaryPrimitives.ReadUInt16BigEndian(tcp), BinaryPrimitives.ReadUInt16BigEndian(tcp[2..]));
        var isFirst = (tcp[13] & 0x02) != 0;
        if (payload.IsEmpty && !isFirst)
        {
            return;
        }

        lock (_flows)
        {
            if (!_flows.TryGetValue(key, out var flow))
            {
                _flows.Add(key, flow = new Flow());
            }

            flow.Add(BinaryPrimitives.ReadUInt32BigEndian(tcp[4..]), isFirst, payload);
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Instruction(ushort Code, byte True, byte False, uint Value);

    [StructLayout(LayoutKind.Sequential)]
    private struct FilterProgram
    {
        public ushort Length;
        public nint First;
    }

    /// <summary>One direction of a connection, or of several that followed each other on the same ports.</summary>
    private sealed class Flow
    {
        private readonly ArrayBufferWriter<byte> _bytes = new();
        private uint? _next;

        public long Lost { get; private set; }

        public byte[] Bytes => _bytes.WrittenSpan.ToArray();

        /// <summary>Each packet of the loopback is seen twice, on its way out and in; what is behind the next expected byte was there.</summary>
        public void Add(uint sequence, bool isFirst, ReadOnlySpan<byte> payload)
        {
            if (isFirst)
            {
                _next = sequence + 1;
                return;
            }

            var ahead = _next is { } next ? unchecked((int)(sequence - next)) : 0;
            if (ahead < 0)
            {
                payload = -ahead >= payload.Length ? default : payload[-ahead..];
                sequence -= (uint)ahead;
            }

            if (payload.IsEmpty)
            {
                return;
            }

            Lost += Math.Max(0, ahead);
            _bytes.Write(payload);
            _next = unchecked(sequence + (uint)payload.Length);
        }
    }
}
