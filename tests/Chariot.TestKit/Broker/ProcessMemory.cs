using System.Buffers.Binary;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Chariot.TestKit.Broker;

/// <summary>Looks into another process: a full garbage collection from outside, and a search of its memory. Needs root.</summary>
public static class ProcessMemory
{
    private const int Chunk = 16 * 1024 * 1024;

    /// <summary>
    /// Counts each needle in all readable memory of the process that is its own (heap, stacks, anonymous mappings); file mappings that
    /// it cannot have changed are left out.
    /// </summary>
    public static IReadOnlyList<int> Count(int pid, IReadOnlyList<byte[]> needles)
    {
        var counts = new int[needles.Count];
        var overlap = needles.Max(needle => needle.Length) - 1;
        var buffer = new byte[Chunk + overlap];
        using var memory = File.OpenHandle($"/proc/{pid}/mem");
        foreach (var (start, end) in Regions(pid))
        {
            for (var at = start; at < end; at += Chunk)
            {
                var wanted = (int)Math.Min(buffer.Length, end - at);
                var read = Read(memory, buffer.AsSpan(0, wanted), at);
                for (var i = 0; i < counts.Length; i++)
                {
                    // One that begins in the overlap is counted with the next chunk.
                    var span = buffer.AsSpan(0, (int)Math.Min(read, Chunk + needles[i].Length - 1));
                    for (int found; (found = span.IndexOf(needles[i])) >= 0; span = span[(found + 1)..])
                    {
                        counts[i]++;
                    }
                }
            }
        }

        return counts;
    }

    /// <summary>
    /// A full, blocking collection, through the runtime's diagnostics socket in <paramref name="temporaryDirectory"/>: what
    /// dotnet-gcdump does (docs/design-docs/ipc-protocol.md of dotnet/diagnostics, CollectTracing2 with the keyword GCHeapCollect).
    /// </summary>
    public static async Task CollectGarbageAsync(int pid, string temporaryDirectory)
    {
        var path = Directory.EnumerateFiles(temporaryDirectory, $"dotnet-diagnostic-{pid}-*-socket").Single();
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), deadline.Token);
        await socket.SendAsync(Request("Microsoft-Windows-DotNETRuntime", keywords: 0x80_0000, level: 4), deadline.Token);
        await using var stream = new NetworkStream(socket);
        var head = new byte[20 + 8];
        await stream.ReadExactlyAsync(head, deadline.Token);
        if (head[16] != 0xFF || head[17] != 0x00)
        {
            throw new InvalidOperationException("the runtime refused to trace");
        }

        // The collection is made before the session begins to send what it saw.
        var session = head.AsMemory(20, 8).ToArray();
        var events = new byte[4096];
        _ = await stream.ReadAsync(events, deadline.Token);
        using var stop = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await stop.ConnectAsync(new UnixDomainSocketEndPoint(path), deadline.Token);
        await stop.SendAsync(Message(0x01, session), deadline.Token);
        while (await stream.ReadAsync(events, deadline.Token) > 0)
        {
            // To the end, which is written when the session has been stopped.
        }
    }

    private static int Read(Microsoft.Win32.SafeHandles.SafeFileHandle memory, Span<byte> buffer, long offset)
    {
        try
        {
            return RandomAccess.Read(memory, buffer, offset);
        }
        catch (IOException)
        {
            // Unmapped meanwhile, or a page that cannot be read, such as a guard.
            return 0;
        }
    }

    private static List<(long Start, long End)> Regions(int pid)
    {
        List<(long, long)> regions = [];
        foreach (var line in File.ReadLines($"/proc/{pid}/maps"))
        {
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields[1].StartsWith("rw", StringComparison.Ordinal))
            {
                var range = fields[0].Split('-');
                regions.Add((long.Parse(range[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture), long.Parse(range[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture)));
            }
        }

        return regions;
    }

    private static byte[] Request(string provider, long keywords, int level)
    {
        using var payload = new MemoryStream();
        using var writer = new BinaryWriter(payload);
        writer.Write(16);
        writer.Write(1);
        writer.Write(false);
        writer.Write(1);
        writer.Write(keywords);
        writer.Write(level);
        writer.Write(provider.Length + 1);
        writer.Write(Encoding.Unicode.GetBytes(provider + "\0"));
        writer.Write(0);
        writer.Flush();
        return Message(0x03, payload.ToArray());
    }

    /// <summary>Command set 2 is EventPipe.</summary>
    private static byte[] Message(byte command, byte[] payload)
    {
        var message = new byte[20 + payload.Length];
        Encoding.ASCII.GetBytes("DOTNET_IPC_V1\0", message);
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(14), (ushort)message.Length);
        message[16] = 0x02;
        message[17] = command;
        payload.CopyTo(message.AsSpan(20));
        return message;
    }
}
