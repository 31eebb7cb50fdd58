using Chariot.Abstractions.Edges;
using Chariot.Edge.Authentication;
using Microsoft.Extensions.Time.Testing;

namespace Chariot.Edge.Tests.Authentication;

public sealed class SeenCertificatesTests
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch);

    [Fact]
    public void FirstToExpire_ComeFirst_AndAreThoseThatAreKept()
    {
        var seen = new SeenCertificates(_time);
        for (var i = SeenCertificates.Capacity + 50; i > 0; i--)
        {
            seen.Add(Certificate(i));
        }

        seen.Add(Certificate(1));

        Assert.Equal(["1", "2", "3"], seen.FirstToExpire(3).Select(certificate => certificate.Sha256Fingerprint));
        Assert.Equal(SeenCertificates.Capacity, seen.FirstToExpire(int.MaxValue).Length);
    }

    [Fact]
    public void Expired_AreForgottenAfterAWeek()
    {
        var seen = new SeenCertificates(_time);
        seen.Add(Certificate(1));

        _time.Advance(TimeSpan.FromDays(8));
        Assert.Single(seen.FirstToExpire(10));
        _time.Advance(TimeSpan.FromHours(1));
        Assert.Empty(seen.FirstToExpire(10));
    }

    private static ClientCertificateDescription Certificate(int day) =>
        new("CN=client", "01", day.ToString(System.Globalization.CultureInfo.InvariantCulture), DateTimeOffset.UnixEpoch.AddDays(day));
}
