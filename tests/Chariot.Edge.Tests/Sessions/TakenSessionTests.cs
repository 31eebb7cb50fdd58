using Chariot.Abstractions;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Sessions;
using Chariot.Edge.Connections;
using Chariot.Edge.Links;
using Chariot.Edge.Tests.Kit;

namespace Chariot.Edge.Tests.Sessions;

/// <summary>Two silos ask for one client id at once: the grain's word to give the session up may come before the session itself.</summary>
public sealed class TakenSessionTests : IDisposable
{
    private readonly EdgeKit _kit = new();

    public void Dispose() => _kit.Dispose();

    [Fact]
    public void GiveUp_OfASessionThatIsNotHereYet_IsRemembered()
    {
        var handOver = new SessionHandOver(_kit.Sessions, _kit.Routes, null!, _kit.Connections, _kit.Services);

        handOver.GiveUp("c", 7);

        Assert.Equal(7, _kit.Sessions.TakenAfter("c", 6));
        Assert.Null(_kit.Sessions.TakenAfter("c", 7));
        Assert.Null(_kit.Sessions.TakenAfter("other", 6));
    }

    /// <summary>The one that comes next fetches the session; those after it fetch it there.</summary>
    [Fact]
    public void OfTwoTakers_TheNextOneCounts_WhicheverIsHeardOfFirst()
    {
        _kit.Sessions.RememberGivenUp("c", 9);
        _kit.Sessions.RememberGivenUp("c", 7);

        Assert.Equal(7, _kit.Sessions.TakenAfter("c", 6));
        Assert.Equal(9, _kit.Sessions.TakenAfter("c", 8));
        Assert.Null(_kit.Sessions.TakenAfter("c", 9));
    }

    /// <summary>The CONNECT that made the session has not looked yet whether it was taken: the first taker fetches it all the same.</summary>
    [Fact]
    public void GiveUp_OfASessionThatWasTakenBeforeItWasHere_GivesItToTheFirstTaker()
    {
        var handOver = new SessionHandOver(_kit.Sessions, _kit.Routes, null!, _kit.Connections, _kit.Services);
        handOver.GiveUp("c", 7);
        var opened = new OpenSessionResult(ReasonCode.Success, 6, 1, true, [], 0);
        var session = _kit.Sessions.Open("c", Principal.Anonymous, opened, 3600, arrives: false, FlushBatch.Current);

        handOver.GiveUp("c", 9);
        handOver.GiveUp("c", 7);

        Assert.True(session.IsGivenUp);
        Assert.Equal(7, session.Epoch);
    }
}
