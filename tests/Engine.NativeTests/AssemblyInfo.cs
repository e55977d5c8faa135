// Live native handles are counted for the whole process, so tests that count them must not overlap with others.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
