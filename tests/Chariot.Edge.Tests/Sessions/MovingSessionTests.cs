using Chariot.Abstractions;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Sessions;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Connections;
using Chariot.Edge.Links;
using Chariot.Edge.Sessions;
using Chariot.Edge.Tests.Kit;

namespace Chariot.Edge.Tests.Sessions;

/// <summary>A durable session that leaves one edge and goes on at another, over one store.</summary>
public sealed class MovingSessionTests : IDisposable
{
    private const long Id = 7;
    private static readonly SubscriptionRecord All = new("t/#", QualityOfService.ExactlyOnce);

    private readonly FakeMessageStore _store = new();
    private readonly EdgeKit _old;
    private readonly EdgeKit _new;

    public MovingSessionTests()
    {
        _old = new EdgeKit(_store, process: 1);
        _new = new EdgeKit(_store, process: 2);
    }

    public void Dispose()
    {
        _old.Dispose();
        _new.Dispose();
    }

    [Fact]
    public void GiveUp_StoresWhatItsClientHasNotAcknowledged_AndSendsNothingMore()
    {
        var session = _old.Session("c", Id, durable: true, All);
        var transport = new ScriptedTransport();
        _old.Connect(session, transport);
        Publish(_old, 1, "sent");

        session.GiveUp(5);
        transport.TakeSent();
        Publish(_old, 2, "after");
        _old.Settle(session);

        Assert.Empty(transport.TakeSent());
        Assert.Equal([1L, 2L], _store.Rows(Id).Select(row => row.Message.Id));
    }

    [Fact]
    public void Arrive_PutsWhatBothEdgesGot_OnceAndInOrder()
    {
        var leaving = _old.Session("c", Id, durable: true, All);
        Publish(_old, 1, "before");
        leaving.GiveUp(5);
        var arriving = _new.Session("c", Id, durable: true);
        arriving.BeginArrival();
        _new.Sessions.Subscribe(arriving, All);
        Publish(_old, 2, "both");
        Publish(_new, 2, "both");
        Publish(_new, 3, "new");

        var released = leaving.Release();
        Publish(_old, 4, "too late here");
        _old.Settle(leaving);
        _new.Do(batch => arriving.Arrive(released, 5, batch));
        _new.Settle(arriving);
        var transport = new ScriptedTransport();
        _new.Connect(arriving, transport);
        _new.Settle(arriving);

        Assert.Equal(2L, Assert.Single(released.Held));
        Assert.Equal(["before", "both", "new"], SentPacket.Parse(transport.TakeSent()).Select(packet => packet.Payload));
    }

    [Fact]
    public void Arrive_NumbersItsRows_AboveThoseOfASiloThatWasCutOff()
    {
        var lost = _old.Session("c", Id, durable: true, All);
        Publish(_old, 1, "stored");
        _old.Settle(lost);
        var arriving = _new.Session("c", Id, durable: true);
        arriving.BeginArrival();
        _new.Sessions.Subscribe(arriving, All);
        _new.Do(batch => arriving.Arrive(new(Id, 1, 10, _store.Size(Id)!.HighestSequence, [], []), 5, batch));
        Publish(_new, 2, "new owner");
        Publish(_old, 3, "cut off");
        _old.Settle(lost);
        _new.Settle(arriving);

        Assert.Equal(3, _store.Rows(Id).Count);
        Assert.Equal(ClientSession.FirstSequence(5) + 1, _store.Rows(Id).Single(row => row.Message.Id == 2).Sequence);
    }

    /// <summary>Its client repeats it at the new edge.</summary>
    [Fact]
    public async Task Release_NamesAQos2PublishOfItsClient_ThatWasStillBeingStored()
    {
        var opened = new OpenSessionResult(ReasonCode.Success, 1, Id, false, [], 0);
        var session = _old.Sessions.Open("c", Principal.Anonymous, opened, 3600, arrives: false, FlushBatch.Current);
        session.Access = new ClientAccess(AccessControlList.Everything);
        var connection = _old.Connect(session, new ScriptedTransport());
        var handOver = new SessionHandOver(_old.Sessions, _old.Routes, null!, _old.Connections, _old.Services);
        _old.Receive(connection, EdgeKit.PublishPacket("x", "twice?", qos: 2, id: 9));

        handOver.GiveUp("c", 5);
        var releasing = handOver.ReleaseAsync("c", 5, discard: false);
        Assert.False(releasing.IsCompleted);
        _store.Commit();

        Assert.Equal<ushort>([9], (await releasing)!.Inbound);
    }

    [Fact]
    public async Task Release_WaitsForTheQos2PublishesOfItsClient_ThatAreOnTheirWayToOtherSilos()
    {
        var opened = new OpenSessionResult(ReasonCode.Success, 1, Id, false, [], 0);
        _old.Sessions.Open("c", Principal.Anonymous, opened, 3600, arrives: false, FlushBatch.Current);
        var handOver = new SessionHandOver(_old.Sessions, _old.Routes, null!, _old.Connections, _old.Services);
        var own = new ApplicationMessage { Id = 3, Topic = "t/1"u8.ToArray(), Payload = default, QualityOfService = QualityOfService.ExactlyOnce, Publisher = "c" };
        var number = _old.Services.OpenPublishes.Begin(own, _old.Routes.GetTopic("t/1"u8));

        handOver.GiveUp("c", 5);
        var releasing = handOver.ReleaseAsync("c", 5, discard: false);
        Assert.Equal(0, _store.Pending);
        _old.Services.OpenPublishes.End(number);
        while (!releasing.IsCompleted)
        {
            _store.Commit();
        }

        Assert.NotNull(await releasing);
    }

    /// <summary>The other silo may be the one that the session goes to, and settles it when it has the session.</summary>
    [Fact]
    public async Task Release_TakesAlong_AQos2PublishThatWaitsForAnotherSilo()
    {
        var opened = new OpenSessionResult(ReasonCode.Success, 1, Id, false, [All], 0);
        var session = _old.Sessions.Open("c", Principal.Anonymous, opened, 3600, arrives: false, FlushBatch.Current);
        session.Access = new ClientAccess(AccessControlList.Everything);
        var handOver = new SessionHandOver(_old.Sessions, _old.Routes, null!, _old.Connections, _old.Services);
        var waits = new ApplicationMessage { Id = 3, Topic = "t/1"u8.ToArray(), Payload = default, QualityOfService = QualityOfService.ExactlyOnce, Publisher = "another" };
        var number = _old.Services.OpenPublishes.Begin(waits, _old.Routes.GetTopic("t/1"u8));

        handOver.GiveUp("c", 5);
        var releasing = handOver.ReleaseAsync("c", 5, discard: false);
        _store.Commit();
        var released = (await releasing)!;
        _old.Services.OpenPublishes.End(number);

        Assert.Equal<long>([3L], released.Held);
        Assert.Equal([3L], _store.Rows(Id).Select(row => row.Message.Id));
    }

    private static void Publish(EdgeKit kit, long id, string payload) => kit.Do(batch =>
    {
        var job = new PublishJob(kit.Services, kit.Message(id, "t/1", payload, QualityOfService.AtLeastOnce), storesFirst: false, makeTicket: null);
        kit.Router.Route(job, kit.Routes.Match(kit.Routes.GetTopic("t/1"u8)), batch);
        job.Submit();
    });
}
