using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Tessera.Native;

namespace Tessera.Compute;

/// <summary>Places graphs on the device's backends and runs them, one at a time.</summary>
internal sealed unsafe class GraphRunner : IDisposable
{
    // Of one thread, about.
    private const double MultiplicationsPerSecond = 40e9;
    private readonly ComputeDevice device;
    private readonly SchedulerHandle scheduler;
    private readonly int nodeCapacity;
    private readonly bool mayRound;
    private readonly LowRankAdditions? additions;
    private readonly int* stopFlag;
    private Graph? placed;

    /// <param name="device">Where to run; must outlive the runner.</param>
    /// <param name="nodeCapacity">The most nodes of any graph that will be run.</param>
    /// <param name="mayRound">Whether products of weights may round both operands to bfloat16 where that is faster.</param>
    /// <param name="additions">What is added to products of weights; null for nothing.</param>
    public GraphRunner(ComputeDevice device, int nodeCapacity, bool mayRound = false, LowRankAdditions? additions = null)
    {
        this.mayRound = mayRound;
        this.additions = additions;
        this.device = device;
        this.nodeCapacity = nodeCapacity += additions?.NodeCount ?? 0;
        nint[] backends = device.Backends;
        fixed (nint* list = backends)
            scheduler = new SchedulerHandle(
                GgmlBackend.ggml_backend_sched_new(list, null, backends.Length, (nuint)nodeCapacity, false, true)
            );
        stopFlag = (int*)NativeMemory.AllocZeroed(sizeof(int));
        foreach (nint backend in backends)
            SetAbortCallback(backend);
    }

    /// <summary>The memory of the largest graph that was reserved, in bytes.</summary>
    public long ReservedBytes { get; private set; }

    /// <summary>Whether the CPU runs the graphs.</summary>
    public bool IsOnProcessor => device.IsProcessor;

    /// <summary>An empty graph for this runner.</summary>
    public Graph NewGraph() => new(nodeCapacity, device.IsProcessor, mayRound, additions);

    /// <summary>Takes the memory that a graph needs, without touching it, and keeps it for graphs that need as much or less.</summary>
    /// <param name="graph">The graph; it is not placed.</param>
    /// <param name="what">What it computes, for the message.</param>
    /// <exception cref="NativeLibraryException">There is not enough memory; the message says how much was wanted, and how much was
    /// free.</exception>
    public void Reserve(Graph graph, string what)
    {
        placed = null;
        NativeLog.ForgetErrors();
        // A GPU's driver may print when it has no more.
        long wanted = WantedBytes(graph);
        ReservedBytes = Math.Max(ReservedBytes, wanted);
        bool mayFit = device.IsProcessor || wanted <= device.FreeBytes();
        GgmlBackend.ggml_backend_sched_reset(scheduler.Pointer);
        if (mayFit && GgmlBackend.ggml_backend_sched_reserve(scheduler.Pointer, graph.Native))
            return;
        string reason = mayFit ? NativeLog.TakeErrors() : device.Name;
        throw new NativeLibraryException(
            $"there is not enough memory to encode {what} together: {wanted / 1_000_000} MB are wanted and "
                + $"{device.FreeBytes() / 1_000_000} MB are free ({reason})."
        );
    }

    /// <summary>Gives a graph's tensors their places in memory, unless it has them since the last call.</summary>
    /// <exception cref="NativeLibraryException">There was not enough memory.</exception>
    public void Place(Graph graph)
    {
        if (placed == graph)
            return;
        placed = null;
        NativeLog.ForgetErrors();
        GgmlBackend.ggml_backend_sched_reset(scheduler.Pointer);
        if (!GgmlBackend.ggml_backend_sched_alloc_graph(scheduler.Pointer, graph.Native))
            throw new NativeLibraryException($"there is not enough memory to encode the picture ({NativeLog.TakeErrors()}).");
        placed = graph;
    }

    /// <summary>Runs a graph of the device's first size of work.</summary>
    /// <inheritdoc cref="Run(Graph, int, CancellationToken)"/>
    public void Run(Graph graph, CancellationToken cancellationToken = default) => Run(graph, 0, cancellationToken);

    /// <summary>Runs a graph; its outputs can be read until the next run.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="size">Which of the device's sizes of work it is.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="OperationCanceledException">Cancelled; the computation stops within one node.</exception>
    /// <exception cref="NativeLibraryException">There was not enough memory, or a backend failed.</exception>
    public void Run(Graph graph, int size, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Place(graph);
        NativeLog.ForgetErrors();
        graph.UploadInputs();

        Volatile.Write(ref *stopFlag, 0);
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
            static state => ((GraphRunner)state!).RequestStop(),
            this
        );
        ggml_status status = device.IsProcessor
            ? ProcessorTurn.Take(device.Threads.Wanted, () => Compute(graph, size))
            : Compute(graph, size);
        cancellationToken.ThrowIfCancellationRequested();
        if (status != ggml_status.GGML_STATUS_SUCCESS)
            throw new NativeLibraryException(
                $"the graph failed: {Marshal.PtrToStringUTF8((nint)Ggml.ggml_status_to_string(status))} ({NativeLog.TakeErrors()})."
            );
    }

    public void Dispose()
    {
        if (scheduler.IsClosed)
            return;
        scheduler.Dispose();
        // A call that has been given up may still look at it.
        if (device.IsProcessor || GpuCalls.Loss is null)
            NativeMemory.Free(stopFlag);
    }

    private ggml_status Compute(Graph graph, int size)
    {
        double work = graph.MultiplicationCount;
        int count = device.Threads.Choose(size, work / MultiplicationsPerSecond);
        device.UseThreads(count);
        long started = Stopwatch.GetTimestamp();
        ggml_status status = GgmlBackend.ggml_backend_sched_graph_compute(scheduler.Pointer, graph.Native);
        if (status == ggml_status.GGML_STATUS_SUCCESS)
            device.Threads.Add(size, count, Stopwatch.GetElapsedTime(started), work);
        return status;
    }

    private long WantedBytes(Graph graph)
    {
        Span<nuint> sizes = stackalloc nuint[device.Backends.Length];
        fixed (nuint* list = sizes)
            GgmlBackend.ggml_backend_sched_reserve_size(scheduler.Pointer, graph.Native, list);
        long total = 0;
        foreach (nuint size in sizes)
            total += (long)size;
        return total;
    }

    private void RequestStop() => Volatile.Write(ref *stopFlag, 1);

    // GPUs have none.
    private void SetAbortCallback(nint backend)
    {
        nint registry = GgmlBackend.ggml_backend_dev_backend_reg(GgmlBackend.ggml_backend_get_device(backend));
        nint function = GgmlBackend.ggml_backend_reg_get_proc_address(registry, "ggml_backend_set_abort_callback");
        if (function == 0)
            return;
        ((delegate* unmanaged[Cdecl]<nint, delegate* unmanaged[Cdecl]<void*, byte>, void*, void>)function)(
            backend,
            &IsStopRequested,
            stopFlag
        );
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static byte IsStopRequested(void* flag) => (byte)Volatile.Read(ref *(int*)flag);
}
