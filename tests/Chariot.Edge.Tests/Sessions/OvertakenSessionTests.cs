using Chariot.Abstractions;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Tests.Kit;

namespace Chariot.Edge.Tests.Sessions;

/// <summary>A session that is taken by a third edge while it moves between two: everything acknowledged, in order, QoS 2 once.</summary>
public class OvertakenSessionTests
{
    [Fact]
    public void AThirdEdge_GetsWhatBothOthersHad()
    {
        using var cluster = new MovingCluster(3);
        cluster.Publish(QualityOfService.AtLeastOnce);
        cluster.Connect(1);
        cluster.Answer(0);
        cluster.GoOn();
        cluster.Publish(QualityOfService.ExactlyOnce);
        cluster.Connect(2);
        cluster.Answer(0);
        cluster.GoOn();
        cluster.Publish(QualityOfService.ExactlyOnce);

        cluster.Settle();

        Assert.Equal([1, 2, 3], cluster.Client.Received);
        Assert.All(cluster.Publishes, publish => Assert.Equal(ReasonCode.Success, publish.Ticket.Reason));
        Assert.Null(cluster.Edges[0].Session);
        Assert.Null(cluster.Edges[1].Session);
    }

    [Fact]
    public void AnEdgeThatWasOvertakenBeforeItHadTheAnswer_StillFetchesWhatItWasGiven()
    {
        using var cluster = new MovingCluster(3);
        cluster.Publish(QualityOfService.AtLeastOnce);
        cluster.Connect(1);
        cluster.Connect(2);
        cluster.Answer(1);
        cluster.GoOn();
        cluster.Publish(QualityOfService.ExactlyOnce);
        cluster.Answer(0);

        cluster.Settle();

        Assert.Equal([1, 2], cluster.Client.Received);
        Assert.All(cluster.Publishes, publish => Assert.Equal(ReasonCode.Success, publish.Ticket.Reason));
        Assert.Null(cluster.Edges[0].Session);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void HoweverItMoves_NothingIsLost_AndQos2ComesOnce(int block)
    {
        for (var seed = block * 250; seed < (block + 1) * 250; seed++)
        {
            Run(seed);
        }
    }

    /// <summary>Here an edge gave its session to the second that took it, before it had seen the first: the two waited in a circle.</summary>
    [Theory]
    [InlineData(42)]
    [InlineData(53)]
    [InlineData(109)]
    [InlineData(166)]
    public void ASessionThatIsTakenTwice_WhileItsConnectMakesIt_GoesTheWholeWay(int seed) => Run(seed);

    private static void Run(int seed)
    {
        var random = new Random(seed);
        using var cluster = new MovingCluster(3, seed);
        var moves = 0;
        for (var step = random.Next(30, 150); step > 0; step--)
        {
            switch (random.Next(14))
            {
                case 0 or 1 when moves < 8 && cluster.AnswersUnderWay < 3:
                    moves++;
                    cluster.Connect(random.Next(3));
                    break;
                case 2 or 3 when cluster.AnswersUnderWay > 0:
                    cluster.Answer(random.Next(cluster.AnswersUnderWay));
                    break;
                case < 7:
                    cluster.Publish((QualityOfService)random.Next(1, 3));
                    break;
                case 7 or 8:
                    cluster.Edges[random.Next(3)].Deliver(random.Next(1, 4));
                    break;
                case 9:
                    cluster.Commit(random.Next(1, 6));
                    break;
                case 10 or 11:
                    cluster.GoOn(random.Next(1, 8));
                    break;
                case 12:
                    cluster.Client.GoTo(cluster.Owner);
                    break;
                default:
                    cluster.Client.Turn(random.Next(6));
                    break;
            }
        }

        cluster.Settle($"seed {seed}");

        var refused = cluster.Publishes.Where(publish => publish.Ticket.Reason != ReasonCode.Success).Select(publish => $"{publish.Number}: {publish.Ticket.Reason}");
        Assert.True(!refused.Any(), $"seed {seed}: not acknowledged: {string.Join(", ", refused)}");
        foreach (var qos in new[] { QualityOfService.AtLeastOnce, QualityOfService.ExactlyOnce })
        {
            var published = cluster.Publishes.Where(publish => publish.Qos == qos).Select(publish => publish.Number).ToList();
            var received = cluster.Client.Received.Where(published.Contains).ToList();
            Assert.True(published.SequenceEqual(qos == QualityOfService.AtLeastOnce ? received.Distinct() : received), $"seed {seed}, {qos}: published {string.Join(' ', published)}, received {string.Join(' ', received)}");
        }
    }
}
