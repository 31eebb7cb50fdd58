using System.Collections.Immutable;
using System.Text;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Retained;
using Chariot.Edge.Sessions;
using Chariot.Edge.Tests.Kit;
using Chariot.Edge.Tests.Routing;

namespace Chariot.Edge.Tests.Retained;

public class RetainedMessagesTests
{
    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    public void Match_UnderChurn_IsWhatTheDefinitionSays(int seed)
    {
        var random = new Random(seed);
        var retained = new RetainedMessages();
        var model = new Dictionary<string, long>(StringComparer.Ordinal);
        for (var step = 1; step <= 5000; step++)
        {
            var topic = RouteTableTests.Topic(random);
            if (random.Next(3) > 0)
            {
                Assert.True(retained.Set(Message(step, topic), int.MaxValue));
                model[topic] = step;
            }
            else
            {
                Assert.Equal(model.Remove(topic), retained.Remove(Encoding.UTF8.GetBytes(topic)));
            }

            var filter = Encoding.UTF8.GetBytes(RouteTableTests.Filter(random));
            Assert.Equal(
                model.Where(pair => TopicFilter.Matches(filter, Encoding.UTF8.GetBytes(pair.Key))).Select(pair => pair.Value).Order(),
                retained.Match(filter).Select(message => message.Id).Order());
            Assert.Equal(model.Count, retained.Count);
        }
    }

    [Theory]
    [InlineData("dev/+/special", 10)]
    [InlineData("+/+/special", 10)]
    [InlineData("dev/7/+", 2)]
    [InlineData("dev/5/#", 2)]
    [InlineData("dev/+/none", 0)]
    [InlineData("dev/123/state", 1)]
    public void Match_AmongAHundredThousand_LooksAtAboutAsManyAsItFinds(string filter, int expected)
    {
        var retained = new RetainedMessages();
        for (var i = 0; i < 100_000; i++)
        {
            retained.Set(Message(i + 1, $"dev/{i}/state"), int.MaxValue);
            if (i < 10)
            {
                retained.Set(Message(200_000 + i, $"dev/{i}/special"), int.MaxValue);
            }
        }

        var found = retained.Match(Encoding.UTF8.GetBytes(filter));

        Assert.Equal(expected, found.Count);
        Assert.InRange(retained.Visited, 0, (expected * 2) + 4);
    }

    [Fact]
    public void RemoveExpired_TakesWhatIsDue_AndNothingThatWasReplaced()
    {
        var retained = new RetainedMessages();
        retained.Set(Message(1, "a", expiresAt: 100), 10);
        retained.Set(Message(2, "b", expiresAt: 100), 10);
        retained.Set(Message(3, "c", expiresAt: 300), 10);
        retained.Set(Message(4, "d"), 10);
        retained.Set(Message(5, "b", expiresAt: 400), 10);

        Assert.Empty(retained.RemoveExpired(99, 10));
        Assert.Equal(["a"], retained.RemoveExpired(100, 10).Select(topic => Encoding.UTF8.GetString(topic.Span)));
        Assert.Equal(["c"], retained.RemoveExpired(300, 10).Select(topic => Encoding.UTF8.GetString(topic.Span)));
        Assert.Equal(["b"], retained.RemoveExpired(long.MaxValue - 1, 10).Select(topic => Encoding.UTF8.GetString(topic.Span)));
        Assert.Equal([4L], retained.Match("#"u8).Select(message => message.Id));
    }

    [Fact]
    public void Expiries_OfManyReplacements_DoNotPileUp_AndAreKept()
    {
        var retained = new RetainedMessages();
        for (var i = 1; i <= 20_000; i++)
        {
            retained.Set(Message(i, $"t/{i % 10}", expiresAt: 1_000_000 + i), 100);
        }

        Assert.InRange(retained.Expiring, 10, 1100);
        Assert.Equal(10, retained.RemoveExpired(2_000_000, 100).Count);
        Assert.Equal(0, retained.Count);
    }

    [Fact]
    public void Set_BeyondTheBytes_IsRefused_AndRemovalMakesRoom()
    {
        var retained = new RetainedMessages();
        var size = Message(1, "a").Size;
        Assert.True(retained.Set(Message(1, "a"), 10, size * 2));
        Assert.True(retained.Set(Message(2, "b"), 10, size * 2));
        Assert.False(retained.Set(Message(3, "c"), 10, size * 2));
        Assert.True(retained.Set(Message(4, "a"), 10, size * 2));

        retained.Remove("b"u8);

        Assert.True(retained.Set(Message(5, "c"), 10, size * 2));
        Assert.Equal(size * 2, retained.Bytes);
    }

    [Fact]
    public void Set_OfAnOlderMessage_KeepsTheNewer()
    {
        var retained = new RetainedMessages();
        retained.Set(Message(2, "a"), 10);

        Assert.True(retained.Set(Message(1, "a"), 10));

        Assert.Equal(2, retained.Get("a"u8)!.Id);
    }

    [Fact]
    public void Set_BeyondTheMaximum_IsRefusedAndLeavesNoTrace_ButReplacingIsAllowed()
    {
        var retained = new RetainedMessages();
        retained.Set(Message(1, "a/b"), 1);

        Assert.False(retained.Set(Message(2, "a/c"), 1));
        Assert.False(retained.Set(Message(3, "a"), 1));
        Assert.True(retained.Set(Message(4, "a/b"), 1));
        Assert.Equal([4L], retained.Match("#"u8).Select(message => message.Id));

        Assert.True(retained.Remove("a/b"u8));
        Assert.True(retained.Set(Message(5, "a"), 1));
        Assert.Equal(1, retained.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Works_ThatReachTheStoreInTheOtherOrder_LeaveWhatIsRetained(bool endsCleared)
    {
        var retained = new RetainedMessages();
        var kit = new EdgeKit();
        DeliveryWork Work() => new(kit.Services) { Retained = (retained, "a"u8.ToArray()) };
        var stored = new RetainedRows();

        retained.Set(Message(1, "a"), 10);
        var older = Work();
        retained.Remove("a"u8);
        if (!endsCleared)
        {
            retained.Set(Message(2, "a"), 10);
        }

        Work().Apply(stored);
        older.Apply(stored);

        Assert.Equal(endsCleared ? null : 2, stored.Current?.Id);
    }

    private sealed class RetainedRows : IStoreTransaction
    {
        public ApplicationMessage? Current { get; private set; }

        public void PutRetained(ApplicationMessage message) => Current = message;

        public void DeleteRetained(ReadOnlyMemory<byte> topic) => Current = null;

        public void PutMessage(ApplicationMessage message) => throw new NotSupportedException();

        public void PutDelivery(long sessionId, long sequence, long messageId, QualityOfService qos, ushort packetId, DeliveryState state, bool retain, ImmutableArray<uint> subscriptionIdentifiers) => throw new NotSupportedException();

        public void SetDeliveryState(long sessionId, long sequence, ushort packetId, DeliveryState state) => throw new NotSupportedException();

        public void DeleteDelivery(long sessionId, long sequence) => throw new NotSupportedException();

        public void PutInbound(long sessionId, ushort packetId) => throw new NotSupportedException();

        public void DeleteInbound(long sessionId, ushort packetId) => throw new NotSupportedException();

        public void Fence(long sessionId, long epoch) => throw new NotSupportedException();

        public void DeleteSession(long sessionId) => throw new NotSupportedException();
    }

    private static ApplicationMessage Message(long id, string topic, long expiresAt = long.MaxValue) =>
        new() { Id = id, Topic = Encoding.UTF8.GetBytes(topic), Payload = "x"u8.ToArray(), QualityOfService = QualityOfService.AtMostOnce, Retain = true, ExpiresAt = expiresAt };
}
