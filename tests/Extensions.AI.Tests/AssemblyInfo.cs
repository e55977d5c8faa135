// The models share two processors and listeners hear the whole process, so tests run one after another.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
