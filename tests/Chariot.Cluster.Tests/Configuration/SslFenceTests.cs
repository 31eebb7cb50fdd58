using Chariot.Abstractions.Configuration;
using Chariot.Cluster.Configuration;
using Chariot.Cluster.Secrets;
using Chariot.Cluster.Tests.Secrets;
using Chariot.Cluster.Tests.Tls;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chariot.Cluster.Tests.Configuration;

/// <summary>What an old copy of the store looks like to a node that has a record of the newest decision about SSL, and what does not.</summary>
public sealed class SslFenceTests : IDisposable
{
    private const string Id = "0123456789abcdef0123456789abcdef";

    private readonly TemporaryDirectory _keys = new();
    private readonly TemporaryDirectory _data = new();
    private readonly MasterKey _masterKey;
    private readonly SecretSealer _sealer;

    public SslFenceTests()
    {
        _masterKey = MasterKey.Open(_keys.File("master.key"), createWhenMissing: true);
        _sealer = new SecretSealer(_masterKey);
    }

    public void Dispose()
    {
        _masterKey.Dispose();
        _keys.Dispose();
        _data.Dispose();
    }

    [Fact]
    public void TheStoreInForce_IsServed_AfterEachRestart()
    {
        SetUp();
        Assert.Null(Start().Judge(Revision(5)));
        Assert.Null(Start().Judge(Revision(9)));
        Assert.Null(Start().Judge(Revision(9)));
    }

    [Fact]
    public void AnOlderDecision_IsHeldBack_UntilALaterOne()
    {
        Assert.Null(SetUp().Judge(Revision(8, isSetUp: false)));

        var old = Start();
        Assert.NotNull(old.Judge(Revision(5)));
        Assert.Equal(8, old.Seen);
        Assert.Equal(["ssl-not-confirmed"], old.Reasons);
        Assert.NotNull(old.Judge(Revision(5) with { Revision = 20 }));
        Assert.NotNull(old.Judge(Revision(7)));
        Assert.NotNull(Start().Judge(Revision(5) with { Revision = 21 }));

        Assert.Null(old.Judge(Revision(22)));
        Assert.Empty(old.Reasons);
        Assert.Null(Start().Judge(Revision(22)));
    }

    [Fact]
    public void AStoreWithoutItsRecord_IsHeldBack_OnTheOnlyNode()
    {
        SetUp();
        foreach (var record in Directory.EnumerateFiles(Path.GetDirectoryName(_masterKey.File)!, "*.seen"))
        {
            File.Delete(record);
        }

        Assert.NotNull(Start().Judge(Revision(5)));
        // A new host of a cluster has none.
        Assert.Null(Start(only: false).Judge(Revision(5)));
    }

    [Fact]
    public void AnAlteredRecord_IsHeldBack()
    {
        Assert.Null(SetUp().Judge(Revision(8, isSetUp: false)));
        var record = Assert.Single(Directory.GetFiles(Path.GetDirectoryName(_masterKey.File)!, "*.seen"));
        File.WriteAllText(record, File.ReadAllText(record).Replace("\"Revision\":8", "\"Revision\":5", StringComparison.Ordinal));

        Assert.NotNull(Start(only: false).Judge(Revision(5)));
    }

    [Fact]
    public void ACopiedDirectory_WithKeyAndRecordInIt_IsHeldBack_InAnotherPlace()
    {
        var home = Path.GetDirectoryName(_masterKey.File)!;
        SetUp(data: home);
        Assert.Null(Start(data: home).Judge(Revision(5)));

        var copy = Path.GetDirectoryName(_data.File("master.key"))!;
        foreach (var file in Directory.GetFiles(home))
        {
            File.Copy(file, _data.File(Path.GetFileName(file)));
        }

        using var key = MasterKey.Open(_data.File("master.key"), createWhenMissing: false);
        SslFence Copied() => new(new SslRecord(key, _sealer, new SslRecordOptions(copy, true), "node"), new SslRecordOptions(copy, true), NullLogger<SslFence>.Instance);
        var fence = Copied();
        Assert.NotNull(fence.Judge(Revision(5)));
        Assert.NotNull(Copied().Judge(Revision(5)));
        Assert.Null(fence.Judge(Revision(6)));
        Assert.Null(Copied().Judge(Revision(6)));
    }

    [Fact]
    public void TheRecordOfAnotherNode_InTheSamePlace_Counts()
    {
        SetUp(node: "first");
        Assert.Null(Start(node: "second").Judge(Revision(8, isSetUp: false)));
        Assert.NotNull(Start(node: "third", only: false).Judge(Revision(5)));
        // Another configuration under the same master key has records of its own.
        Assert.Null(Start(node: "third", only: false).Judge(Revision(2) with { ConfigurationId = "ffff456789abcdef0123456789abcdef" }));
    }

    [Fact]
    public void StoresOfOlderVersions_AreServed()
    {
        Assert.Null(Start().Judge(Revision(0) with { ConfigurationId = null }));
        var running = Start();
        Assert.Null(running.Judge(Revision(0, isSetUp: false) with { ConfigurationId = null }));
        Assert.Null(running.Judge(Revision(3) with { ConfigurationId = "ffff456789abcdef0123456789abcdef" }));
        var updated = Start();
        Assert.Null(updated.Judge(Revision(0)));
        Assert.Null(updated.Judge(Revision(4, isSetUp: false)));
        Assert.NotNull(Start().Judge(Revision(0)));
    }

    /// <summary>A node that was there when SSL was set up, in revision 5.</summary>
    private SslFence SetUp(string node = "node", string? data = null)
    {
        var fence = Start(node, data: data);
        Assert.Null(fence.Judge(Revision(0, isSetUp: false)));
        Assert.Null(fence.Judge(Revision(5)));
        return fence;
    }

    private SslFence Start(string node = "node", bool only = true, string? data = null)
    {
        var options = new SslRecordOptions(data ?? Path.GetDirectoryName(_data.File("chariot.db"))!, only);
        return new SslFence(new SslRecord(_masterKey, _sealer, options, node), options, NullLogger<SslFence>.Instance);
    }

    private BrokerConfiguration Revision(long sslRevision, bool isSetUp = true) => new()
    {
        Revision = sslRevision + 1,
        ConfigurationId = Id,
        SslRevision = sslRevision,
        Ssl = isSetUp ? TestPki.Shared.Configure(_sealer, "setup") : null,
    };
}
