using Chariot.TestKit.Journals;

namespace Chariot.TestKit.Tests;

/// <summary>The checker of the drills must itself be able to fail.</summary>
public class JournalCheckerTests
{
    [Fact]
    public void Check_OfAnHonestJournal_IsClean()
    {
        var report = JournalChecker.Check(Honest(), "near", "far");

        Assert.True(report.IsClean, report.ToString());
        Assert.Equal(40, report.Published);
        Assert.Equal(80, report.Delivered);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Check_WithOneDeliveryRemoved_NamesTheLostMessage(int qos)
    {
        var journal = Honest();
        var removed = journal.First(entry => entry is { Event: JournalEvent.Delivered, Subscriber: "far", Sequence: 7 } && entry.Qos == qos);
        journal.Remove(removed);

        var report = JournalChecker.Check(journal, "near", "far");

        Assert.Contains("#7 ", Assert.Single(report.Lost), StringComparison.Ordinal);
        Assert.False(report.IsClean);
    }

    [Fact]
    public void Check_WithOneQos2DeliveryTwice_NamesTheDuplicate()
    {
        var journal = Honest();
        journal.Add(journal.Last(entry => entry is { Event: JournalEvent.Delivered, Qos: 2 }));

        var report = JournalChecker.Check(journal, "near", "far");

        Assert.Single(report.Duplicated);
        Assert.False(report.IsClean);
    }

    [Fact]
    public void Check_WithOneQos1DeliveryTwice_CountsAndAllowsIt()
    {
        var journal = Honest();
        journal.Add(journal.First(entry => entry is { Event: JournalEvent.Delivered, Qos: 1 }));

        var report = JournalChecker.Check(journal, "near", "far");

        Assert.Equal(1, report.Repeated);
        Assert.True(report.IsClean, report.ToString());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Check_WithTwoDeliveriesSwapped_NamesTheDisorder(int qos)
    {
        var journal = Honest();
        var first = journal.FindIndex(entry => entry is { Event: JournalEvent.Delivered, Subscriber: "near", Sequence: 3 } && entry.Qos == qos);
        var second = journal.FindIndex(entry => entry is { Event: JournalEvent.Delivered, Subscriber: "near", Sequence: 4 } && entry.Qos == qos);
        (journal[first], journal[second]) = (journal[second], journal[first]);

        var report = JournalChecker.Check(journal, "near", "far");

        Assert.Single(report.Reordered);
        Assert.False(report.IsClean);
    }

    [Fact]
    public void Check_WithAMessageThatNobodyPublished_NamesIt()
    {
        var journal = Honest();
        journal.Add(new JournalEntry(JournalEvent.Delivered, "near", "p", "t", 1, 999));

        Assert.Single(JournalChecker.Check(journal, "near", "far").Invented);
    }

    [Fact]
    public void Check_OfAMessageWithoutAcknowledgement_AllowsItsLoss()
    {
        var journal = Honest();
        journal.Add(new JournalEntry(JournalEvent.Published, "", "p", "t", 1, 999));

        Assert.True(JournalChecker.Check(journal, "near", "far").IsClean);
    }

    [Fact]
    public void Check_ForASubscriberThatGotNothing_CallsAllOfItLost()
    {
        Assert.Equal(40, JournalChecker.Check(Honest(), "absent").Lost.Count);
    }

    [Fact]
    public void Journal_CountsDifferentMessagesOnce()
    {
        var journal = new Journal();
        journal.Delivered("near", "p", "t", 1, 1);
        journal.Delivered("near", "p", "t", 1, 1);
        journal.Delivered("near", "p", "t", 1, 2);

        Assert.Equal(2, journal.CountDelivered("near"));
        Assert.Equal(3, journal.Entries.Count);
    }

    private static List<JournalEntry> Honest()
    {
        var journal = new Journal();
        foreach (var qos in new[] { 1, 2 })
        {
            for (var sequence = 0; sequence < 20; sequence++)
            {
                journal.Published("p", "t", qos, sequence);
                journal.Acknowledged("p", "t", qos, sequence);
                journal.Delivered("near", "p", "t", qos, sequence);
                journal.Delivered("far", "p", "t", qos, sequence);
            }
        }

        return [.. journal.Entries];
    }
}
