using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Chariot.LoadGenerator;

/// <summary>
/// Many clients, each with many filters that nobody else has, half of them wildcards, spread over the silos of a cluster: how long until the last SUBACK, which says that every silo
/// knows the filter, and what it costs each silo. Then some of them are tried: published on one silo, received on another.
/// </summary>
internal sealed class FilterRun
{
    public const string Usage = """
        Chariot.LoadGenerator filters: unique filters, subscribed. One JSON line; exit code 1 when a message was missed.

          --host H  --port N[,N...]     where each silo listens (127.0.0.1, 1883)
          --pid N[,N...]                their processes, in the same order, for the memory of each
          --clients N  --each N         clients, and filters of each (1000, 1000)
          --batch N                     filters in a SUBSCRIBE (100)
          --concurrency N               clients that subscribe at once (16)
          --tries N                     messages published afterwards, each on another silo than its subscriber (1000)
          --settle S                    seconds before memory is read (5)
          --label TEXT                  repeated in the output
        """;

    private readonly Dictionary<string, string> _options = [];
    private readonly IReadOnlyList<int> _ports;
    private readonly IReadOnlyList<int> _pids;
    private readonly IPAddress _address;

    /// <summary>Throws <see cref="FormatException"/> with one sentence.</summary>
    public FilterRun(string[] arguments)
    {
        for (var i = 0; i < arguments.Length; i += 2)
        {
            _options[arguments[i]] = i + 1 < arguments.Length ? arguments[i + 1] : throw new FormatException($"{arguments[i]} needs a value");
        }

        if (_options.Keys.Except(["--host", "--port", "--pid", "--clients", "--each", "--batch", "--concurrency", "--tries", "--settle", "--label"]).FirstOrDefault() is { } unknown)
        {
            throw new FormatException($"unknown option {unknown}");
        }

        _ports = LoadOptions.Numbers(_options.GetValueOrDefault("--port", "1883"), 1, 65_535);
        _pids = _options.TryGetValue("--pid", out var pids) ? LoadOptions.Numbers(pids, 1, int.MaxValue) : [];
        _address = IPAddress.Parse(_options.GetValueOrDefault("--host", "127.0.0.1"));
    }

    public async Task<(string Json, int Missed)> ExecuteAsync()
    {
        var (count, each, tries) = (Number("--clients", 1000), Number("--each", 1000), Number("--tries", 1000));
        var clients = new Client[count];
        var next = -1;
        var before = _pids.Select(ProcessSample.ResidentMb).ToArray();
        var cpuBefore = ProcessSample.Take(_pids);
        await Task.WhenAll(Enumerable.Range(0, Number("--concurrency", 16)).Select(_ => Task.Run(async () =>
        {
            for (int i; (i = Interlocked.Increment(ref next)) < count;)
            {
                clients[i] = await SubscribeAsync(i, each);
            }
        })));
        var cpuAfter = ProcessSample.Take(_pids);
        await Task.Delay(TimeSpan.FromSeconds(Number("--settle", 5)));
        var after = _pids.Select(ProcessSample.ResidentMb).ToArray();
        var missed = await TryAsync(clients, each, tries);
        foreach (var client in clients)
        {
            client.Stream.Dispose();
        }

        var seconds = Stopwatch.GetElapsedTime(cpuBefore.At, cpuAfter.At).TotalSeconds;
        return (JsonSerializer.Serialize(new Dictionary<string, object?>
        {
            ["label"] = _options.GetValueOrDefault("--label", ""),
            ["mode"] = "Filters",
            ["silos"] = _ports.Count,
            ["clients"] = count,
            ["filters"] = (long)count * each,
            ["seconds"] = Math.Round(seconds, 1),
            ["filtersPerSecond"] = Math.Round((double)count * each / seconds),
            ["brokerMicrosecondsPerFilter"] = _pids.Count == 0 ? null : Math.Round((cpuAfter.BrokerCpu - cpuBefore.BrokerCpu) * 1e6 / ((double)count * each), 1),
            ["megabytesBefore"] = before.Select(megabytes => Math.Round(megabytes)),
            ["megabytesAfter"] = after.Select(megabytes => Math.Round(megabytes)),
            ["bytesPerFilterOfEachSilo"] = after.Zip(before, (last, first) => Math.Round((last - first) * 1024 * 1024 / ((double)count * each))),
            ["tried"] = tries,
            ["missed"] = missed,
        }), missed);
    }

    /// <summary>Every second filter is one with a wildcard; each matches one topic of <see cref="Topic"/>.</summary>
    private static string Filter(int client, int i) => i % 2 == 0 ? Topic(client, i) : string.Create(CultureInfo.InvariantCulture, $"plant/{client}/{i}/+");

    private static string Topic(int client, int i) => string.Create(CultureInfo.InvariantCulture, $"plant/{client}/{i}/x");

    private async Task<Client> SubscribeAsync(int index, int each)
    {
        var client = await ConnectAsync(_ports[index % _ports.Count], $"filters{index}");
        var batch = Number("--batch", 100);
        for (var i = 0; i < each; i += batch)
        {
            var body = new List<byte> { 0, 1 };
            foreach (var number in Enumerable.Range(i, Math.Min(batch, each - i)))
            {
                Handshake.Text(body, Filter(index, number));
                body.Add(0);
            }

            await client.SendAsync(0x82, body);
            var (first, answer) = await client.ReadAsync();
            if (first != 0x90 || answer[2..].Any(granted => granted > 2))
            {
                throw new IOException($"SUBSCRIBE of client {index} was answered by {first:X2} {Convert.ToHexString(answer)}");
            }
        }

        return client;
    }

    /// <summary>Returns how many did not come.</summary>
    private async Task<int> TryAsync(Client[] clients, int each, int tries)
    {
        var random = new Random(1);
        var publishers = new List<Client>();
        foreach (var port in _ports)
        {
            publishers.Add(await ConnectAsync(port, $"publisher{port}"));
        }

        var missed = 0;
        for (var i = 0; i < tries; i++)
        {
            var (index, number) = (random.Next(clients.Length), random.Next(each));
            var body = new List<byte>();
            Handshake.Text(body, Topic(index, number));
            body.AddRange(Encoding.ASCII.GetBytes($"{i}"));
            await publishers[(index + 1) % publishers.Count].SendAsync(0x30, body);
            try
            {
                var (first, message) = await clients[index].ReadAsync();
                var payload = message[(2 + BinaryPrimitives.ReadUInt16BigEndian(message))..];
                missed += first == 0x30 && payload.SequenceEqual(Encoding.ASCII.GetBytes($"{i}")) ? 0 : 1;
            }
            catch (OperationCanceledException)
            {
                missed++;
            }
        }

        publishers.ForEach(publisher => publisher.Stream.Dispose());
        return missed;
    }

    private async Task<Client> ConnectAsync(int port, string clientId)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(_address, port);
        var client = new Client(new NetworkStream(socket, ownsSocket: true));
        // MQTT 3.1.1, clean session, Keep Alive 0.
        List<byte> body = [0, 4, .. "MQTT"u8, 4, 2, 0, 0];
        Handshake.Text(body, clientId);
        await client.SendAsync(0x10, body);
        var (first, answer) = await client.ReadAsync();
        return first == 0x20 && answer[1] == 0 ? client : throw new IOException($"CONNECT of {clientId} was answered by {first:X2} {Convert.ToHexString(answer)}");
    }

    private int Number(string option, int standard) => !_options.TryGetValue(option, out var text) ? standard
        : int.TryParse(text, CultureInfo.InvariantCulture, out var number) && number >= 0 ? number
        : throw new FormatException($"{option} is no number: {text}");

    /// <summary>One connection that is written to and read from in turns.</summary>
    private sealed record Client(NetworkStream Stream)
    {
        private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

        public async Task SendAsync(byte first, List<byte> body)
        {
            List<byte> packet = [first];
            Handshake.VarInt(packet, body.Count);
            packet.AddRange(body);
            await Stream.WriteAsync(packet.ToArray());
        }

        public async Task<(byte First, byte[] Body)> ReadAsync()
        {
            using var deadline = new CancellationTokenSource(Patience);
            var one = new byte[1];
            await Stream.ReadExactlyAsync(one, deadline.Token);
            var first = one[0];
            var length = 0;
            for (var shift = 0; ; shift += 7)
            {
                await Stream.ReadExactlyAsync(one, deadline.Token);
                length |= (one[0] & 0x7F) << shift;
                if (one[0] < 0x80)
                {
                    break;
                }
            }

            var body = new byte[length];
            await Stream.ReadExactlyAsync(body, deadline.Token);
            return (first, body);
        }
    }
}
