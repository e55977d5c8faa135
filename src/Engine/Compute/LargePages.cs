using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Tessera.Native;

namespace Tessera.Compute;

/// <summary>
/// Asks Linux for large pages for what libllama keeps in the processor's memory, weights and caches: a core reads a third more in a second
/// of these than of pages of 4 KB (benchmarks/README.md). libllama fills its buffers itself, so ggml is told to ask as it makes them.
/// </summary>
internal static unsafe class LargePages
{
    // What is smaller is soon read.
    private const nuint LeastBytes = 4 << 20;
    private static delegate* unmanaged[Cdecl]<nint, nuint, nint> allocate;

    /// <summary>Asks for them for all buffers that are made from now on. The native libraries must have been started; for one caller at
    /// a time.</summary>
    public static void AskForAll()
    {
        if (!OperatingSystem.IsLinux() || allocate != null)
            return;
        var type = (ggml_backend_buffer_type*)GgmlBackend.ggml_backend_cpu_buffer_type();
        allocate = type->alloc_buffer;
        type->alloc_buffer = &Allocate;
    }

    /// <summary>Asks for them for a buffer that has not been written to.</summary>
    public static void AskFor(nint buffer) =>
        MemoryAdvice.Give(
            GgmlBackend.ggml_backend_buffer_get_base(buffer),
            GgmlBackend.ggml_backend_buffer_get_size(buffer),
            SysMman.MADV_HUGEPAGE
        );

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nint Allocate(nint type, nuint length)
    {
        nint buffer = allocate(type, length);
        if (buffer != 0 && length >= LeastBytes)
            AskFor(buffer);
        return buffer;
    }
}
