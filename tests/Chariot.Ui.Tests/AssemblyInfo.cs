// Each class runs a broker process and a browser; two at a time would measure each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
