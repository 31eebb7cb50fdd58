using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace Chariot.LoadGenerator;

/// <summary>CONNECT and SUBSCRIBE, one at a time, before the run.</summary>
internal static class Handshake
{
    public static Socket Connect(LoadOptions options, int port, string clientId)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 30_000 };
        socket.Connect(options.Host, port);
        var body = new List<byte>();
        Text(body, "MQTT");
        body.Add((byte)options.Version);
        body.Add((byte)(0x02 | (options.Username is null ? 0 : 0x80) | (options.Password is null ? 0 : 0x40)));
        body.AddRange([0, 0]);
        NoProperties(body, options);
        Text(body, clientId);
        if (options.Username is not null)
        {
            Text(body, options.Username);
        }

        if (options.Password is not null)
        {
            Text(body, options.Password);
        }

        Send(socket, 0x10, body);
        var answer = Read(socket);
        if (answer.FirstByte != 0x20 || answer.Body[1] != 0)
        {
            throw new IOException($"CONNECT of {clientId} was answered by {answer.FirstByte:X2} {Convert.ToHexString(answer.Body)}");
        }

        return socket;
    }

    public static void Subscribe(Socket socket, LoadOptions options, string filter)
    {
        var body = new List<byte> { 0, 1 };
        NoProperties(body, options);
        Text(body, filter);
        body.Add((byte)options.Qos);
        Send(socket, 0x82, body);
        var answer = Read(socket);
        if (answer.FirstByte != 0x90 || answer.Body[^1] != options.Qos)
        {
            throw new IOException($"SUBSCRIBE to {filter} was answered by {answer.FirstByte:X2} {Convert.ToHexString(answer.Body)}");
        }
    }

    public static void Text(List<byte> bytes, string text)
    {
        var encoded = Encoding.UTF8.GetBytes(text);
        bytes.Add((byte)(encoded.Length >> 8));
        bytes.Add((byte)encoded.Length);
        bytes.AddRange(encoded);
    }

    public static void NoProperties(List<byte> bytes, LoadOptions options)
    {
        if (options.Version == 5)
        {
            bytes.Add(0);
        }
    }

    public static void VarInt(List<byte> bytes, int value)
    {
        for (; value > 0x7F; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }

        bytes.Add((byte)value);
    }

    private static void Send(Socket socket, byte first, List<byte> body)
    {
        var packet = new List<byte> { first };
        VarInt(packet, body.Count);
        packet.AddRange(body);
        socket.Send([.. packet]);
    }

    private static (byte FirstByte, byte[] Body) Read(Socket socket)
    {
        var first = Exactly(socket, 1)[0];
        var length = 0;
        for (var shift = 0; ; shift += 7)
        {
            var digit = Exactly(socket, 1)[0];
            length |= (digit & 0x7F) << shift;
            if (digit < 0x80)
            {
                return (first, Exactly(socket, length));
            }
        }
    }

    private static byte[] Exactly(Socket socket, int count)
    {
        var bytes = new byte[count];
        for (var got = 0; got < count;)
        {
            var read = socket.Receive(bytes, got, count - got, SocketFlags.None);
            got += read > 0 ? read : throw new IOException("the broker closed the connection");
        }

        return bytes;
    }
}
