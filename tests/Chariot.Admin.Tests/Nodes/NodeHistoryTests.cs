using Chariot.Admin.Nodes;
using Chariot.Admin.Tests.Kit;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Chariot.Admin.Tests.Nodes;

public sealed class NodeHistoryTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly FakeEdgeLinks _edges = new();

    [Fact]
    public async Task Rates_AreOfTheTimeBetweenTwoSamples()
    {
        var (history, link) = Start();
        await history.SampleAsync();
        Assert.Null(Assert.Single(history.Nodes).Now);
        link.MessagesReceived = 30;
        _time.Advance(TimeSpan.FromSeconds(3));
        await history.SampleAsync();
        Assert.Equal(10, history.Nodes[0].Now!.MessagesReceived);
        Assert.Equal(NodeStatus.Active, history.Nodes[0].Status);
    }

    [Fact]
    public async Task NodeThatStartedAnew_CountsFromZeroAgain()
    {
        var (history, link) = Start();
        link.MessagesReceived = 1000;
        await history.SampleAsync();
        _edges.Links.Clear();
        var again = new FakeEdgeLink("n1") { MessagesReceived = 5 };
        _edges.Links[Orleans.Runtime.SiloAddress.New(System.Net.IPAddress.Loopback, 11000, 2)] = again;
        _time.Advance(TimeSpan.FromSeconds(2));
        await history.SampleAsync();
        Assert.Null(Assert.Single(history.Nodes).Now);
        again.MessagesReceived = 9;
        _time.Advance(TimeSpan.FromSeconds(2));
        await history.SampleAsync();
        Assert.Equal(2, history.Nodes[0].Now!.MessagesReceived);
    }

    [Fact]
    public async Task SilentNode_AndOneThatLeft_AreAbsentSinceTheyWereSeen_ForADay()
    {
        var (history, link) = Start();
        _edges.Add("n2");
        await history.SampleAsync();
        var seen = _time.GetUtcNow();
        _time.Advance(TimeSpan.FromSeconds(2));
        link.Silent = true;
        Assert.True(_edges.Links.TryRemove(_edges.Links.Single(l => l.Value != link)));
        await history.SampleAsync();
        Assert.All(history.Nodes, n => Assert.Equal((NodeStatus.Absent, seen, null), (n.Status, n.SeenAt, n.Now)));
        Assert.Equal(["n1", "n2"], history.Nodes.Select(n => n.Node));

        link.Silent = false;
        _time.Advance(TimeSpan.FromHours(25));
        await history.SampleAsync();
        Assert.Equal(("n1", NodeStatus.Active), (Assert.Single(history.Nodes).Node, history.Nodes[0].Status));
    }

    [Fact]
    public async Task NodeWithReasons_IsNotReady()
    {
        var (history, link) = Start();
        link.Reasons = ["configuration-unreachable"];
        await history.SampleAsync();
        Assert.Equal(NodeStatus.NotReady, history.Nodes[0].Status);
    }

    [Fact]
    public async Task Samples_AreOfFiveMinutes_AndOneBadReaderKeepsNoOtherFromThem()
    {
        var (history, _) = Start();
        var told = 0;
        history.Sampled += () => throw new InvalidOperationException("a page that fails");
        history.Sampled += () => told++;
        for (var i = 0; i < NodeHistory.Kept + 10; i++)
        {
            _time.Advance(NodeHistory.Period);
            await history.SampleAsync();
        }

        Assert.Equal(NodeHistory.Kept + 10, told);
        Assert.Equal(NodeHistory.Kept, history.Nodes[0].Samples.Length);
        Assert.Equal(_time.GetUtcNow(), history.Nodes[0].Samples[^1].At);
    }

    private (NodeHistory History, FakeEdgeLink Link) Start() =>
        (new NodeHistory(new NodeDirectory(_edges, NullLogger<NodeDirectory>.Instance), _time, NullLogger<NodeHistory>.Instance), _edges.Add("n1"));
}
