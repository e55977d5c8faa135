using Tessera.Native;

namespace Tessera.Compute.Threads;

/// <summary>
/// The CPU's threads for one stream of graphs: a pool for each count that is used, made when it is first wanted, whose threads sleep
/// between graphs. Without a pool ggml makes threads for each part of a graph, or lets them spin when it has ended. Where ggml is built
/// with OpenMP, whose threads are OpenMP's own, a pool is a description only. Must outlive what computes with it; for one thread at a time.
/// </summary>
internal sealed unsafe class ThreadPools : IDisposable
{
    private readonly Dictionary<int, ThreadPoolHandle> pools = [];

    /// <summary>The pool for a count of threads; 0 for one thread, which needs none.</summary>
    public nint Of(int count)
    {
        if (count <= 1)
            return 0;
        if (!pools.TryGetValue(count, out ThreadPoolHandle? pool))
            pools.Add(count, pool = New(count));
        return pool.IsInvalid ? 0 : pool.Pointer;
    }

    public void Dispose()
    {
        foreach (ThreadPoolHandle pool in pools.Values)
            pool.Dispose();
        pools.Clear();
    }

    private static ThreadPoolHandle New(int count)
    {
        nint registry = GgmlBackend.ggml_backend_dev_backend_reg(GgmlBackend.ggml_backend_dev_by_type(ggml_backend_dev_type.CPU));
        ggml_threadpool_params parameters;
        GgmlThreads.ggml_threadpool_params_init(&parameters, count);
        parameters.poll = 0;
        return new ThreadPoolHandle(GgmlThreads.ggml_threadpool_new(registry, &parameters), registry);
    }
}
