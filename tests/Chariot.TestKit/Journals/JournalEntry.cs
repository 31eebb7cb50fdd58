namespace Chariot.TestKit.Journals;

/// <summary>What happened to a message, as its publisher or a subscriber saw it.</summary>
public enum JournalEvent
{
    /// <summary>Handed to the socket for the first time.</summary>
    Published,
    /// <summary>PUBACK, or for QoS 2 the first PUBREC, reached the publisher.</summary>
    Acknowledged,
    /// <summary>Handed to the subscriber's application.</summary>
    Delivered,
}

/// <summary>One line of a <see cref="Journal"/>; <see cref="Subscriber"/> is empty except for deliveries.</summary>
public sealed record JournalEntry(JournalEvent Event, string Subscriber, string Publisher, string Topic, int Qos, long Sequence)
{
    public override string ToString() => $"{Publisher} #{Sequence} on {Topic} qos {Qos}{(Subscriber.Length > 0 ? " to " + Subscriber : "")}";
}
