// The tests wait more than they work, and share one broker.
[assembly: CollectionBehavior(MaxParallelThreads = 8)]
