// Each class runs a broker process of its own; two at a time would measure each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
