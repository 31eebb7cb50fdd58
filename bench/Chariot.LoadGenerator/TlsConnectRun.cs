using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;

namespace Chariot.LoadGenerator;

/// <summary>
/// Full TLS 1.3 handshakes with CONNECT and CONNACK, so many at once: connects per second, the broker's CPU per connect, and the memory
/// of a connection that is then idle. The certificate is verified against <c>--cafile</c>.
/// </summary>
internal sealed class TlsConnectRun
{
    public const string Usage = """
        Chariot.LoadGenerator tls-connect: TLS 1.3 connects without resumption. One JSON line.

          --host H  --port N            where the broker listens (localhost, 8883); the certificate has to name H
          --cafile F                    root certificate to trust
          --count N                     connects that are measured (2000)
          --warmup N                    connects before, closed again (500)
          --concurrency N               under way at once (16)
          --settle S                    seconds idle before the memory is read (3)
          --pid N                       the broker's process, for its CPU and memory
          --label TEXT                  repeated in the output
        """;

    // CONNECT, MQTT 3.1.1, clean session, Keep Alive 0; the client id follows.
    private static readonly byte[] ConnectHead = [0, 4, .. "MQTT"u8, 4, 2, 0, 0];

    private readonly Dictionary<string, string> _options = [];
    private readonly X509Certificate2Collection _roots = [];
    private readonly IPAddress _address;

    /// <summary>Throws <see cref="FormatException"/> with one sentence.</summary>
    public TlsConnectRun(string[] arguments)
    {
        for (var i = 0; i < arguments.Length; i += 2)
        {
            _options[arguments[i]] = i + 1 < arguments.Length ? arguments[i + 1] : throw new FormatException($"{arguments[i]} needs a value");
        }

        if (_options.Keys.Except(["--host", "--port", "--cafile", "--count", "--warmup", "--concurrency", "--settle", "--pid", "--label"]).FirstOrDefault() is { } unknown)
        {
            throw new FormatException($"unknown option {unknown}");
        }

        _roots.ImportFromPemFile(_options.GetValueOrDefault("--cafile") ?? throw new FormatException("--cafile is missing"));
        _address = IPAddress.TryParse(Host, out var address) ? address : IPAddress.Loopback;
    }

    private string Host => _options.GetValueOrDefault("--host", "localhost");

    public async Task<string> ExecuteAsync()
    {
        var (count, concurrency) = (Number("--count", 2000), Number("--concurrency", 16));
        int[] pid = _options.ContainsKey("--pid") ? [Number("--pid", 0)] : [];
        // Memory counts from a broker that has seen a few clients: what the many of the warm-up leave behind would be used again.
        await WarmUpAsync(Math.Min(100, Number("--warmup", 500)), concurrency);
        var fresh = ProcessSample.Take(pid);
        await WarmUpAsync(Number("--warmup", 500), concurrency);
        var before = ProcessSample.Take(pid);
        var (streams, milliseconds) = await ConnectAsync("idle", count, concurrency);
        var after = ProcessSample.Take(pid);
        await Task.Delay(TimeSpan.FromSeconds(Number("--settle", 3)));
        var idle = ProcessSample.Take(pid);
        foreach (var stream in streams)
        {
            await stream.DisposeAsync();
        }

        var seconds = Stopwatch.GetElapsedTime(before.At, after.At).TotalSeconds;
        milliseconds.Sort();
        return JsonSerializer.Serialize(new Dictionary<string, object?>
        {
            ["label"] = _options.GetValueOrDefault("--label", ""),
            ["mode"] = "TlsConnect",
            ["count"] = count,
            ["concurrency"] = concurrency,
            ["connectsPerSecond"] = Math.Round(count / seconds),
            ["p50Milliseconds"] = Math.Round(milliseconds[count / 2], 2),
            ["p99Milliseconds"] = Math.Round(milliseconds[count * 99 / 100], 2),
            ["brokerMicrosecondsPerConnect"] = pid.Length == 0 ? null : Math.Round((after.BrokerCpu - before.BrokerCpu) * 1e6 / count),
            ["brokerCpuPercent"] = pid.Length == 0 ? null : Math.Round(100 * (after.BrokerCpu - before.BrokerCpu) / seconds, 1),
            ["brokerBytesPerIdleConnection"] = pid.Length == 0 ? null : Math.Round((idle.BrokerResidentMb - fresh.BrokerResidentMb) * 1024 * 1024 / count),
            ["brokerResidentMb"] = pid.Length == 0 ? null : Math.Round(idle.BrokerResidentMb, 1),
            ["generatorCpuPercent"] = Math.Round(100 * (after.OwnCpu - before.OwnCpu) / seconds, 1),
        });
    }

    private async Task WarmUpAsync(int count, int concurrency)
    {
        foreach (var stream in (await ConnectAsync("warm", count, concurrency)).Streams)
        {
            await stream.DisposeAsync();
        }

        await Task.Delay(TimeSpan.FromSeconds(Number("--settle", 3)));
    }

    private async Task<(List<SslStream> Streams, List<double> Milliseconds)> ConnectAsync(string prefix, int count, int concurrency)
    {
        var (streams, milliseconds, next) = (new List<SslStream>(count), new List<double>(count), 0);
        await Task.WhenAll(Enumerable.Range(0, concurrency).Select(_ => Task.Run(async () =>
        {
            for (int number; (number = Interlocked.Increment(ref next)) <= count;)
            {
                var started = Stopwatch.GetTimestamp();
                var stream = await ConnectOneAsync($"{prefix}{number}");
                lock (streams)
                {
                    streams.Add(stream);
                    milliseconds.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
                }
            }
        })));
        return (streams, milliseconds);
    }

    private async Task<SslStream> ConnectOneAsync(string clientId)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(_address, Number("--port", 8883));
        var stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        policy.CustomTrustStore.AddRange(_roots);
#pragma warning disable CA5398 // What is measured is TLS 1.3.
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = Host,
            EnabledSslProtocols = SslProtocols.Tls13,
            AllowTlsResume = false,
            CertificateChainPolicy = policy,
        });
#pragma warning restore CA5398
        var packet = new List<byte>(ConnectHead);
        Handshake.Text(packet, clientId);
        await stream.WriteAsync((byte[])[0x10, (byte)packet.Count, .. packet]);
        var answer = new byte[4];
        await stream.ReadExactlyAsync(answer);
        return answer is [0x20, 2, _, 0] ? stream : throw new IOException($"CONNECT of {clientId} was answered by {Convert.ToHexString(answer)}");
    }

    private int Number(string option, int standard) => !_options.TryGetValue(option, out var text) ? standard
        : int.TryParse(text, CultureInfo.InvariantCulture, out var number) && number >= 0 ? number
        : throw new FormatException($"{option} is no number: {text}");
}
