using System.Net;
using System.Net.Sockets;
using System.Text;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;
using Chariot.TestKit.Secrets;

namespace Chariot.SystemTests.Ssl;

/// <summary>What goes wrong while a certificate is set up or replaced leaves the old state intact or the new one complete.</summary>
public class AllOrNothingTests
{
    [Fact]
    public async Task AWrongKey_AndAHalfUpload_LeaveTheOldCertificateServed()
    {
        using var first = new TestCertificates();
        using var second = new TestCertificates();
        await using var broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous);
        (await broker.Admin.PutSslAsync(first.KeyPkcs8Pem, first.ServerPem, first.ChainPem)).EnsureSuccess();
        var before = (await broker.Admin.GetAsync("ssl")).EnsureSuccess();

        var mismatch = await broker.Admin.PutSslAsync(first.KeyPkcs8Pem, second.ServerPem, second.ChainPem);
        Assert.Equal(HttpStatusCode.BadRequest, mismatch.Status);
        Assert.Contains("bundle.key-mismatch", mismatch.Text, StringComparison.Ordinal);

        var token = (string)(await broker.Admin.TryLoginAsync()).EnsureSuccess().Body!["accessToken"]!;
        foreach (var (method, path) in new[] { ("PUT", "ssl"), ("PUT", "ssl/files/private-key"), ("POST", "ssl/validate") })
        {
            foreach (var part in new[] { 0.1, 0.5, 0.99 })
            {
                await SendPartAsync(broker.Ports.Http, token, method, path, second, part);
            }
        }

        var after = (await broker.Admin.GetAsync("ssl")).EnsureSuccess();
        Assert.Equal((string?)before.Body!["certificate"]!["sha256Fingerprint"], (string?)after.Body!["certificate"]!["sha256Fingerprint"]);
        Assert.Equal((long)before.Body["revision"]!, (long)after.Body["revision"]!);
        Assert.Null(after.Body["staged"]!["privateKey"]);
        await IsServedAsync(broker.Ports, first.ServerFingerprint);
        Assert.Empty(SecretScanner.ForKey(second.KeyPkcs8Pem).Scan([broker.DataDirectory]));
        Assert.Empty(SecretScanner.ForKey(second.KeyPkcs8Pem).Scan("log", Encoding.UTF8.GetBytes(broker.Output)));
    }

    [Fact]
    public async Task TwoAdministrators_AtOnce_OneWins_AndNothingIsMixed()
    {
        using var first = new TestCertificates();
        using var second = new TestCertificates();
        await using var broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous);
        using var one = new AdminClient(broker.Ports.Http, BrokerOptions.DefaultPassword);
        using var other = new AdminClient(broker.Ports.Http, BrokerOptions.DefaultPassword);
        await Task.WhenAll(one.LoginAsync(), other.LoginAsync());
        for (var round = 0; round < Drill.Pick(3, 20); round++)
        {
            // Both press Setup on what is staged.
            foreach (var (slot, pem) in new[] { ("private-key", first.KeyPkcs8Pem), ("server-certificate", first.ServerPem), ("ca-chain", first.ChainPem) })
            {
                (await one.StageAsync(slot, pem, slot)).EnsureSuccess();
            }

            await OneWinsAsync(one.PostAsync("ssl/setup"), other.PostAsync("ssl/setup"));
            await IsServedAsync(broker.Ports, first.ServerFingerprint);

            // Both replace what they looked at.
            var revision = (long)(await one.GetAsync("ssl")).EnsureSuccess().Body!["revision"]!;
            var (winner, answer) = await OneWinsAsync(
                one.PutSslAsync(first.KeyPkcs8Pem, first.ServerPem, first.ChainPem, revision), other.PutSslAsync(second.KeyPkcs8Pem, second.ServerPem, second.ChainPem, revision));
            var expected = (winner == 0 ? first : second).ServerFingerprint;
            Assert.Equal(expected, (string?)answer.Body!["certificate"]!["sha256Fingerprint"]);
            await IsServedAsync(broker.Ports, expected);

            // Without a revision both may win, one after the other; still whole.
            var both = await Task.WhenAll(one.PutSslAsync(first.KeyPkcs8Pem, first.ServerPem, first.ChainPem), other.PutSslAsync(second.KeyPkcs8Pem, second.ServerPem, second.ChainPem));
            Assert.Contains(both, a => a.Status == HttpStatusCode.OK);
            var shown = (string)(await one.GetAsync("ssl")).EnsureSuccess().Body!["certificate"]!["sha256Fingerprint"]!;
            Assert.Contains(shown, new[] { first.ServerFingerprint, second.ServerFingerprint });
            await IsServedAsync(broker.Ports, shown);
            (await one.DeleteAsync("ssl")).EnsureSuccess();
        }
    }

    /// <summary>K4: kill -9 at random points of set-up, replacement and Delete.</summary>
    [Fact]
    public async Task Kill_InTheMiddleOfAChange_LeavesTheOldStateOrTheNewOne()
    {
        var kills = Drill.Pick(6, 40);
        var random = new Random(Drill.Seed);
        using var first = new TestCertificates();
        using var second = new TestCertificates();
        using var temporary = new TempDirectory();
        await using var broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous with
        {
            Environment = new Dictionary<string, string> { ["TMPDIR"] = temporary.Path, ["Logging__LogLevel__Default"] = "Trace" },
        });
        var scanners = new[] { SecretScanner.ForKey(first.KeyPkcs8Pem), SecretScanner.ForKey(second.KeyPkcs8Pem) };

        // How long a change takes here, right after a start as each of them is: kills are spread over that time.
        await broker.Admin.LoginAsync();
        var started = System.Diagnostics.Stopwatch.StartNew();
        (await broker.Admin.PutSslAsync(first.KeyPkcs8Pem, first.ServerPem, first.ChainPem)).EnsureSuccess();
        var longest = started.Elapsed;
        (await broker.Admin.DeleteAsync("ssl")).EnsureSuccess();
        double[] points = [.. Enumerable.Range(0, kills).Select(kill => (kill + random.NextDouble()) / kills)];
        random.Shuffle(points);
        TestCertificates? current = null;
        var (hits, outcomes, control) = (0, new int[2], 0);
        for (var kill = 0; kill < kills; kill++)
        {
            // Set up, replace, replace back, delete, and again.
            var next = current is null ? first : kill % 3 == 2 ? null : current == first ? second : first;
            using var admin = new AdminClient(broker.Ports.Http, BrokerOptions.DefaultPassword);
            await admin.LoginAsync();
            var change = next is null ? admin.DeleteAsync("ssl") : admin.PutSslAsync(next.KeyPkcs8Pem, next.ServerPem, next.ChainPem);
            await Task.WhenAny(change, Task.Delay(longest * points[kill]));
            await broker.Kill9Async();
            var answered = await HasSucceededAsync(change);
            await broker.StartAgainAsync();

            var shown = (string?)(await broker.Admin.GetAsync("ssl")).EnsureSuccess().Body!["certificate"]?["sha256Fingerprint"];
            var isNew = shown == next?.ServerFingerprint;
            Assert.True(isNew || shown == current?.ServerFingerprint, $"kill {kill}: {shown}");
            Assert.True(isNew || !answered, $"kill {kill}: an answered change is gone");
            await IsServedAsync(broker.Ports, shown);
            outcomes[isNew ? 1 : 0]++;
            hits += scanners.Sum(scanner => Scan(scanner));
            if (!isNew)
            {
                // What was cut off is done again, and works; so the next kill meets the next kind of change.
                (next is null ? await broker.Admin.DeleteAsync("ssl") : await broker.Admin.PutSslAsync(next.KeyPkcs8Pem, next.ServerPem, next.ChainPem)).EnsureSuccess();
                await IsServedAsync(broker.Ports, next?.ServerFingerprint);
            }

            current = next;
            if (current is not null)
            {
                control += Stored(current);
            }
        }

        if (current is null)
        {
            (await broker.Admin.PutSslAsync(first.KeyPkcs8Pem, first.ServerPem, first.ChainPem)).EnsureSuccess();
            control += Stored(first);
        }

        (await broker.Admin.DeleteAsync("ssl")).EnsureSuccess();
        await broker.Kill9Async();
        // The sealed key lies in one record with the certificate: where that is gone, so is the sealed key.
        var left = Stored(first) + Stored(second);
        Drill.Report($"kill -9 of set-up, replacement and Delete: {kills} kills, seed {Drill.Seed}, old state {outcomes[0]} times, new state {outcomes[1]} times, clear hits {hits}, records left after Delete {left} (control {control})");
        Assert.Equal(0, hits);
        Assert.True(control > 0, "the scan for the record finds nothing even while it is there");
        Assert.Equal(0, left);

        int Scan(SecretScanner scanner) =>
            scanner.Scan([broker.DataDirectory, temporary.Path], except: Path.GetFullPath(Path.Combine(broker.DataDirectory, "master.key"))).Count
            + scanner.Scan("log", Encoding.UTF8.GetBytes(broker.Output)).Count;

        int Stored(TestCertificates certificates)
        {
            var needle = certificates.Server.RawData.AsSpan(^200..^100).ToArray();
            var text = Encoding.ASCII.GetBytes(Convert.ToBase64String(certificates.Server.RawData)[300..400]);
            return Directory.EnumerateFiles(broker.DataDirectory, "*", SearchOption.AllDirectories)
                .Count(file => File.ReadAllBytes(file) is var bytes && (bytes.AsSpan().IndexOf(needle) >= 0 || bytes.AsSpan().IndexOf(text) >= 0));
        }
    }

    private static async Task<(int Winner, AdminAnswer Answer)> OneWinsAsync(params Task<AdminAnswer>[] calls)
    {
        var answers = await Task.WhenAll(calls);
        var winner = Array.FindIndex(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.True(winner >= 0, string.Join(' ', answers.Select(answer => answer.Text)));
        var loser = answers[1 - winner];
        Assert.True(
            (loser.Status, loser.Problem) is (HttpStatusCode.Conflict, "already-set-up") or (HttpStatusCode.PreconditionFailed, "revision-conflict"), $"{loser.Status}: {loser.Text}");
        return (winner, answers[winner]);
    }

    private static async Task<bool> HasSucceededAsync(Task<AdminAnswer> change)
    {
        try
        {
            return (int)(await change).Status is >= 200 and < 300;
        }
        catch (Exception error) when (error is HttpRequestException or IOException or OperationCanceledException)
        {
            // The kill was faster than the answer.
            return false;
        }
    }

    private static async Task IsServedAsync(BrokerPorts ports, string? fingerprint)
    {
        foreach (var port in new[] { ports.Mqtts, ports.Wss, ports.Https })
        {
            Assert.Equal(fingerprint, await OutsideHandshake.FingerprintAsync(port));
        }
    }

    /// <summary>Sends the head and a part of a body, then cuts the connection.</summary>
    private static async Task SendPartAsync(int port, string token, string method, string path, TestCertificates certificates, double part)
    {
        const string Boundary = "half-an-upload";
        string[] names = path.EndsWith("private-key", StringComparison.Ordinal) ? ["file"] : ["privateKey", "serverCertificate", "caChain"];
        string[] contents = [certificates.KeyPkcs8Pem, certificates.ServerPem, certificates.ChainPem];
        var body = string.Concat(names.Select((name, i) => $"--{Boundary}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}.pem\"\r\n\r\n{contents[i]}\r\n")) + $"--{Boundary}--\r\n";
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, LingerState = new LingerOption(true, 0) };
        await socket.ConnectAsync(IPAddress.Loopback, port);
        var head = $"{method} /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: multipart/form-data; boundary={Boundary}\r\nContent-Length: {body.Length}\r\n\r\n";
        await socket.SendAsync(Encoding.ASCII.GetBytes(head + body[..(int)(body.Length * part)]));
    }
}
