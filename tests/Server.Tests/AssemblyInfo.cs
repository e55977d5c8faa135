// The models share two processors, so tests run one after another.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
