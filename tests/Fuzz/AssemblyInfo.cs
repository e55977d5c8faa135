// llama.cpp's log is one for the whole process, and a failure's reason is read from it.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
