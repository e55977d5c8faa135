using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>
/// What Tessera uses of the thread pools in <c>ggml/include/ggml.h</c> and <c>ggml-cpu.h</c>. The CPU's part is found through its
/// registry, as it may be a library of its own.
/// </summary>
internal static unsafe partial class GgmlThreads
{
    /// <summary>GGML_MAX_N_THREADS, which ggml asserts.</summary>
    internal const int GGML_MAX_N_THREADS = 512;

    [LibraryImport(NativeLibraries.GgmlBase)]
    internal static partial void ggml_threadpool_params_init(ggml_threadpool_params* p, int n_threads);

    internal static nint ggml_threadpool_new(nint reg, ggml_threadpool_params* tpp)
    {
        nint function = GgmlBackend.ggml_backend_reg_get_proc_address(reg, "ggml_threadpool_new");
        return function == 0 ? 0 : ((delegate* unmanaged[Cdecl]<ggml_threadpool_params*, nint>)function)(tpp);
    }

    internal static void ggml_threadpool_free(nint reg, nint threadpool)
    {
        nint function = GgmlBackend.ggml_backend_reg_get_proc_address(reg, "ggml_threadpool_free");
        if (function != 0)
            ((delegate* unmanaged[Cdecl]<nint, void>)function)(threadpool);
    }

    internal static void ggml_backend_cpu_set_threadpool(nint reg, nint backend, nint threadpool)
    {
        nint function = GgmlBackend.ggml_backend_reg_get_proc_address(reg, "ggml_backend_cpu_set_threadpool");
        if (function != 0)
            ((delegate* unmanaged[Cdecl]<nint, nint, void>)function)(backend, threadpool);
    }
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ggml_threadpool_params
{
    public fixed byte cpumask[GgmlThreads.GGML_MAX_N_THREADS];
    public int n_threads;
    public int prio;
    public uint poll;
    public byte strict_cpu;
    public byte paused;
}
