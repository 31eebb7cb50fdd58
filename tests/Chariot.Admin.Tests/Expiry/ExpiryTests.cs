using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Expiry;
using Chariot.Admin.Tests.Kit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Chariot.Admin.Tests.Expiry;

[Collection(SharedCluster.Name)]
public sealed class ExpiryTests(Cluster cluster)
{
    private static readonly DateTimeOffset Now = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(31 * 24, 31, null, FindingSeverity.Info)]
    [InlineData((30 * 24) + 1, 30, null, FindingSeverity.Info)]
    [InlineData(30 * 24, 30, 30, FindingSeverity.Warning)]
    [InlineData((14 * 24) + 1, 14, 30, FindingSeverity.Warning)]
    [InlineData(14 * 24, 14, 14, FindingSeverity.Warning)]
    [InlineData(7 * 24, 7, 7, FindingSeverity.Warning)]
    [InlineData(25, 1, 7, FindingSeverity.Warning)]
    [InlineData(24, 1, 1, FindingSeverity.Error)]
    [InlineData(1, 0, 1, FindingSeverity.Error)]
    [InlineData(-1, -1, 1, FindingSeverity.Error)]
    public void Severity_FollowsTheThresholds(int hoursLeft, int days, int? threshold, FindingSeverity severity)
    {
        var leaf = Assert.Single(ExpiringCertificate.From(Ssl(TimeSpan.FromHours(hoursLeft)), Now));

        Assert.Equal(("leaf", days, threshold, severity), (leaf.Kind, leaf.DaysLeft, leaf.Threshold, leaf.Severity));
    }

    [Fact]
    public async Task Expiry_ListsLeafIntermediatesAndRoot_AndTheMetricTheFirstOfEachKind()
    {
        var feed = new Feed();
        await using var host = await Host.StartOwnAsync(cluster, services => services.AddSingleton<IConfigurationFeed>(feed));
        var ssl = From(DateTimeOffset.UtcNow, TimeSpan.FromDays(10.5), TimeSpan.FromDays(400.5), TimeSpan.FromDays(300.5), TimeSpan.FromDays(4000.5)) with { Intermediates = [[1], [2]] };
        host.Configuration.Current = feed.Current = new BrokerConfiguration { Revision = 2, Ssl = ssl };

        using var response = await host.Viewer.GetAsync("api/v1/expiry");
        var rows = (await response.OkAsync()).EnumerateArray().ToList();

        Assert.Equal(["leaf", "intermediate", "intermediate", "root"], rows.Select(row => row.GetProperty("kind").GetString()));
        Assert.Equal([10, 400, 300, 4000], rows.Select(row => row.GetProperty("daysLeft").GetInt32()));
        Assert.Equal(["warning", "info", "info", "info"], rows.Select(row => row.GetProperty("severity").GetString()));
        Assert.Equal(ssl.Details.NotAfter, rows[0].GetProperty("notAfter").GetDateTimeOffset());
        using var metrics = await host.Viewer.GetAsync("metrics");
        var lines = (await metrics.Content.ReadAsStringAsync()).Split('\n').Where(line => line.StartsWith("chariot_certificate_expiry_seconds{", StringComparison.Ordinal)).ToList();
        Assert.Equal(3, lines.Count);
        var intermediate = long.Parse(lines.Single(line => line.Contains("\"intermediate\"", StringComparison.Ordinal)).Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(intermediate, 300 * 86400, 301 * 86400);
    }

    [Fact]
    public async Task WithoutASetup_NothingExpires()
    {
        await using var host = await Host.StartAsync(cluster);
        using var response = await host.Viewer.GetAsync("api/v1/expiry");
        Assert.Empty((await response.OkAsync()).EnumerateArray());
        using var metrics = await host.Viewer.GetAsync("metrics");
        Assert.DoesNotContain("chariot_certificate_expiry_seconds", await metrics.Content.ReadAsStringAsync());
    }

    [Fact]
    public void Watch_TellsOncePerDayAndThreshold()
    {
        var clock = new Clock { Now = Now };
        using var log = new CapturedLog();
        using var loggers = LoggerFactory.Create(builder => builder.AddProvider(log));
        var feed = new Feed { Current = new BrokerConfiguration { Ssl = Ssl(TimeSpan.FromDays(40)) } };
        using var watch = new ExpiryWatch(clock, loggers.CreateLogger<ExpiryWatch>(), feed);
        var told = new List<string>();
        for (var hour = 0; hour <= 42 * 24; hour++)
        {
            clock.Now = Now.AddHours(hour);
            watch.Check();
            watch.Check();
            told.AddRange(log.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => $"{hour} {line}"));
            log.Clear();
        }

        // Days 10 to 42, and at noon of the days at which 14, 7 and 1 are reached a second time.
        Assert.Equal(33 + 3, told.Count);
        Assert.StartsWith($"{10 * 24} Warning 4070 The leaf certificate CN=leaf expires on 2030-02-10", told[0], StringComparison.Ordinal);
        Assert.Equal(32, told.Count(line => line.Contains("Warning 4070", StringComparison.Ordinal)));
        Assert.StartsWith($"{39 * 24} Error 4071", told.First(line => line.Contains("Error", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public void Watch_TellsOfANewCertificateAtOnce()
    {
        var clock = new Clock { Now = Now };
        using var log = new CapturedLog();
        using var loggers = LoggerFactory.Create(builder => builder.AddProvider(log));
        var feed = new Feed();
        using var watch = new ExpiryWatch(clock, loggers.CreateLogger<ExpiryWatch>(), feed);
        watch.Check();
        Assert.Equal("", log.Text);

        feed.Current = new BrokerConfiguration { Ssl = Ssl(TimeSpan.FromHours(-3), TimeSpan.FromDays(5)) };
        watch.Check();

        Assert.Contains("Error 4071 The leaf certificate", log.Text);
        Assert.Contains("Warning 4070 The root certificate", log.Text);
    }

    private static SslConfiguration Ssl(TimeSpan leaf, params TimeSpan[] chain) => From(Now, leaf, chain);

    private static SslConfiguration From(DateTimeOffset now, TimeSpan leaf, params TimeSpan[] chain) => new()
    {
        SetupId = "s",
        PrivateKey = new SealedSecret([], [], []),
        Certificate = [],
        Details = Details("leaf", now + leaf),
        Chain = [.. chain.Select((left, index) => Details("ca" + index, now + left))],
    };

    private static CertificateDetails Details(string name, DateTimeOffset notAfter) =>
        FakeValidator.Details with { Subject = "CN=" + name, NotAfter = notAfter, Sha256Fingerprint = name };

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; }

        public override DateTimeOffset GetUtcNow() => Now;
    }

    private sealed class Feed : IConfigurationFeed
    {
        public BrokerConfiguration Current { get; set; } = new();

        public TlsMaterial? Tls => null;

        public ValueTask<CredentialRecord?> FindCredentialAsync(string username, CancellationToken cancellationToken = default) => throw new NotSupportedException();
    }
}
