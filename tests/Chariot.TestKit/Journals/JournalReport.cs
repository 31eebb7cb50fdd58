namespace Chariot.TestKit.Journals;

/// <summary>The verdict on a journal.</summary>
/// <param name="Lost">Acknowledged, but not delivered to a subscriber.</param>
/// <param name="Duplicated">QoS 2, delivered more than once to a subscriber.</param>
/// <param name="Reordered">First appearances that came after a later message of the same publisher, topic and QoS.</param>
/// <param name="Invented">Delivered, but never published.</param>
/// <param name="Repeated">QoS 1 deliveries beyond the first: allowed, counted.</param>
public sealed record JournalReport(
    long Published,
    long Acknowledged,
    long Delivered,
    IReadOnlyList<string> Lost,
    IReadOnlyList<string> Duplicated,
    IReadOnlyList<string> Reordered,
    IReadOnlyList<string> Invented,
    long Repeated)
{
    public bool IsClean => Lost.Count + Duplicated.Count + Reordered.Count + Invented.Count == 0;

    public override string ToString() =>
        $"published {Published}, acknowledged {Acknowledged}, delivered {Delivered}, lost {Lost.Count}, QoS 2 duplicates {Duplicated.Count}, "
        + $"out of order {Reordered.Count}, invented {Invented.Count}, QoS 1 repeats {Repeated}" + Examples();

    private string Examples() => string.Concat(
        new[] { ("lost", Lost), ("duplicated", Duplicated), ("out of order", Reordered), ("invented", Invented) }
            .SelectMany(kind => kind.Item2.Take(3).Select(example => $"{Environment.NewLine}  {kind.Item1}: {example}")));
}
