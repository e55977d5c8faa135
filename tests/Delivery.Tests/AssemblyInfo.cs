// Live native handles, standard output and the current folder are the whole process's, so tests run one after another.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
