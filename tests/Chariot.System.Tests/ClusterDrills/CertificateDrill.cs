using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Chariot.SystemTests.Ssl;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;

namespace Chariot.SystemTests.ClusterDrills;

/// <summary>The certificate of three silos is changed while one of them cannot follow. Judged by handshakes from outside, on every port.</summary>
public sealed class CertificateDrill : IDisposable
{
    private readonly TestCertificates _first = new();
    private readonly TestCertificates _second = new();
    private readonly TempDirectory _files = new();
    private readonly Random _random = new(Drill.Seed);

    private string Root => _files.Write("root.pem", _first.RootPem);

    [Theory]
    [InlineData("postgres")]
    [InlineData("azurite")]
    public async Task AStoppedSilo_BlocksNoChange_AndComesBackWithTheLast(string store)
    {
        await using var cluster = await DrillCluster.StartAsync(store);
        Assert.Equal(0, await cluster[2].StopAsync());
        var setUp = await TimeAsync(() => PutAsync(cluster[0], _first));
        await ServedAsync(cluster, [0, 1], _first);
        await cluster[2].StartAgainAsync();
        await ServedAsync(cluster, [0, 1, 2], _first);

        await cluster[2].Kill9Async();
        var replaced = await TimeAsync(() => PutAsync(cluster[1], _second));
        await ServedAsync(cluster, [0, 1], _second);
        await using (var watch = new PortWatch(cluster[2], Root))
        {
            await cluster[2].StartAgainAsync();
            await ServedAsync(cluster, [0, 1, 2], _second);
            Assert.DoesNotContain(_first.ServerFingerprint, watch.Seen);
        }

        await cluster[2].Kill9Async();
        var deleted = await TimeAsync(async () => (await cluster[0].Admin.DeleteAsync("ssl")).EnsureSuccess());
        await ServedAsync(cluster, [0, 1], null);
        await using (var watch = new PortWatch(cluster[2], Root))
        {
            await cluster[2].StartAgainAsync();
            await ServedAsync(cluster, [0, 1, 2], null);
            Assert.Empty(watch.Seen);
        }

        Drill.Report(FormattableString.Invariant($"certificate with a silo away ({store}): set up in {setUp:0.0} s (stopped), replaced in {replaced:0.0} s (killed), deleted in {deleted:0.0} s (killed); it came back with the last state each time"));
    }

    [Theory]
    [InlineData("postgres")]
    [InlineData("azurite")]
    public async Task AStartingSilo_ServesTheLastCertificate_FromTheAnswerOn(string store)
    {
        await using var cluster = await DrillCluster.StartAsync(store);
        var answers = new List<string>();
        for (var round = 0; round < Drill.Pick(store == "postgres" ? 2 : 1, 9); round++)
        {
            // Set-up, replace, delete, each at any moment of the start.
            var next = new[] { _first, _second, null }[round % 3];
            Assert.Equal(0, await cluster[2].StopAsync());
            await using var watch = new PortWatch(cluster[2], Root);
            var starting = cluster[2].StartAgainAsync();
            await Task.Delay(_random.Next(4000));
            answers.AddRange(await ChangeAsync(cluster, next, inForce: null));
            var answered = Stopwatch.GetTimestamp();
            await starting;
            await ServedAsync(cluster, [0, 1, 2], next);
            Assert.All(watch.SeenSince(answered), seen => Assert.Equal(next?.ServerFingerprint, seen));
        }

        Drill.Report($"certificate with a silo that starts ({store}): answers {string.Join(", ", answers)}; nothing older was served after an answer; seed {Drill.Seed}");
    }

    [Theory]
    [InlineData("postgres")]
    [InlineData("azurite")]
    public async Task AHungSilo_IsNamed_OrFoundDead_AndNeverServesTheOldCertificateAgain(string store)
    {
        await using var cluster = await DrillCluster.StartAsync(store);
        await PutAsync(cluster[0], _first);
        var inForce = _first;
        foreach (var next in Drill.Pick<TestCertificates?[]>([_second], [_second, null, _first]))
        {
            await ServedAsync(cluster, [0, 1, 2], inForce);
            await cluster[0].Admin.LoginAsync();
            cluster[2].Suspend();
            var answers = await ChangeAsync(cluster, next, inForce);
            await ServedAsync(cluster, [0, 1], next);
            await using var watch = new PortWatch(cluster[2], Root);
            cluster[2].Resume();
            // It finds that it has been declared dead and ends; whatever supervises it starts it again.
            var code = await cluster[2].WaitForExitAsync(60);
            await cluster[2].StartAgainAsync();
            await ServedAsync(cluster, [0, 1, 2], next);
            Drill.Report($"certificate with a hung silo ({store}): {(next is null ? "delete" : inForce is null ? "set-up" : "replace")} answered {string.Join(", ", answers)}; continued, it ended with code {code}, {watch.Seen.Count} handshakes with it, old certificate seen {watch.Seen.Count(seen => seen == inForce?.ServerFingerprint)} times");
            Assert.All(watch.Seen, seen => Assert.Equal(next?.ServerFingerprint, seen));
            inForce = next;
        }
    }

    [Theory]
    [InlineData("postgres")]
    [InlineData("azurite")]
    public async Task ASiloWhosePortIsTaken_IsNamed_AndNobodySwitches(string store)
    {
        await using var cluster = await DrillCluster.StartAsync(store);
        using (var squatter = new TcpListener(IPAddress.Loopback, cluster[2].Ports.Mqtts))
        {
            squatter.Start();
            var refused = await cluster[0].Admin.PutSslAsync(_first.KeyPkcs8Pem, _first.ServerPem, _first.ChainPem);
            Drill.Report($"certificate with a taken port ({store}): {(int)refused.Status} {refused.Text}");
            Assert.Equal(HttpStatusCode.Conflict, refused.Status);
            Assert.Contains("three", refused.Text, StringComparison.Ordinal);
            Assert.Contains($"{cluster[2].Ports.Mqtts}", refused.Text, StringComparison.Ordinal);
            await ServedAsync(cluster, [0, 1], null);
        }

        await PutAsync(cluster[1], _first);
        await ServedAsync(cluster, [0, 1, 2], _first);
    }

    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
        _files.Dispose();
    }

    /// <summary>
    /// Asks until it is done, and returns the answers. Refused, the third silo is named, and the other two serve what is in force (not looked at for null:
    /// nobody knows whether it is).
    /// </summary>
    private async Task<List<string>> ChangeAsync(DrillCluster cluster, TestCertificates? next, TestCertificates? inForce)
    {
        var answers = new List<string>();
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            var answer = next is null ? await cluster[0].Admin.DeleteAsync("ssl") : await cluster[0].Admin.PutSslAsync(next.KeyPkcs8Pem, next.ServerPem, next.ChainPem);
            answers.Add(FormattableString.Invariant($"{(int)answer.Status} at {Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s"));
            if ((int)answer.Status < 300)
            {
                return answers;
            }

            Assert.True(answer.Status is HttpStatusCode.Conflict or HttpStatusCode.ServiceUnavailable, answer.Text);
            if (answer.Status == HttpStatusCode.Conflict)
            {
                Assert.Contains("three", answer.Text, StringComparison.Ordinal);
                if (inForce is not null)
                {
                    await ServedAsync(cluster, [0, 1], inForce);
                }
            }

            Assert.True(Stopwatch.GetElapsedTime(started).TotalSeconds < 90, string.Join(", ", answers));
        }
    }

    private static async Task PutAsync(BrokerProcess node, TestCertificates certificates) =>
        (await node.Admin.PutSslAsync(certificates.KeyPkcs8Pem, certificates.ServerPem, certificates.ChainPem)).EnsureSuccess();

    private static async Task<double> TimeAsync(Func<Task> act)
    {
        var started = Stopwatch.GetTimestamp();
        await act();
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    /// <summary>Every TLS port of the nodes serves the certificate, or is closed when there is none.</summary>
    private async Task ServedAsync(DrillCluster cluster, int[] nodes, TestCertificates? certificates)
    {
        foreach (var node in nodes)
        {
            foreach (var port in Ports(cluster[node]))
            {
                Assert.Equal(certificates?.ServerFingerprint, (await ServedChain.FetchAsync(port, Root)).Fingerprints is [var leaf, ..] ? leaf : null);
            }
        }
    }

    private static int[] Ports(BrokerProcess node) => [node.Ports.Mqtts, node.Ports.Wss, node.Ports.Https];

    /// <summary>Handshakes with a node's TLS ports, again and again, and the certificates that they met.</summary>
    private sealed class PortWatch : IAsyncDisposable
    {
        private readonly CancellationTokenSource _over = new();
        private readonly ConcurrentQueue<(long Begun, string Fingerprint)> _seen = new();
        private readonly Task[] _watching;

        public PortWatch(BrokerProcess node, string root) => _watching = [.. Ports(node).Select(port => WatchAsync(port, root))];

        public IReadOnlyList<string> Seen => SeenSince(0);

        /// <summary>In handshakes that began at <paramref name="timestamp"/> or later.</summary>
        public IReadOnlyList<string> SeenSince(long timestamp) => [.. _seen.Where(seen => seen.Begun >= timestamp).Select(seen => seen.Fingerprint)];

        public async ValueTask DisposeAsync()
        {
            await _over.CancelAsync();
            await Task.WhenAll(_watching);
            _over.Dispose();
        }

        private async Task WatchAsync(int port, string root)
        {
            while (!_over.IsCancellationRequested)
            {
                var begun = Stopwatch.GetTimestamp();
                foreach (var fingerprint in (await ServedChain.FetchAsync(port, root)).Fingerprints.Take(1))
                {
                    _seen.Enqueue((begun, fingerprint));
                }

                await Task.Delay(20, CancellationToken.None);
            }
        }
    }
}
