using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>What Tessera uses of <c>ggml/include/ggml-backend.h</c> and <c>ggml-alloc.h</c>, the same in ggml 0.18.0 and 0.25.1.</summary>
internal static unsafe partial class GgmlBackend
{
    private const string Base = NativeLibraries.GgmlBase;
    private const string Registry = NativeLibraries.Ggml;

    [LibraryImport(Base)]
    internal static partial byte* ggml_backend_buft_name(nint buft);

    [LibraryImport(Base)]
    internal static partial nint ggml_backend_buft_alloc_buffer(nint buft, nuint size);

    [LibraryImport(Base)]
    internal static partial nint ggml_backend_alloc_ctx_tensors_from_buft(nint ctx, nint buft);

    [LibraryImport(Base)]
    internal static partial nint ggml_backend_cpu_buffer_from_ptr(void* ptr, nuint size);

    [LibraryImport(Base)]
    internal static partial ggml_status ggml_backend_tensor_alloc(nint buffer, ggml_tensor* tensor, void* addr);

    [LibraryImport(Base)]
    internal static partial void ggml_backend_buffer_free(nint buffer);

    [LibraryImport(Base)]
    internal static partial void ggml_backend_buffer_clear(nint buffer, byte value);

    [LibraryImport(Base)]
    internal static partial void ggml_backend_buffer_set_usage(nint buffer, int usage);

    [LibraryImport(Base)]
    internal static partial nuint ggml_backend_buffer_get_size(nint buffer);

    [LibraryImport(Base)]
    internal static partial void* ggml_backend_buffer_get_base(nint buffer);

    [LibraryImport(Base)]
    internal static partial nint ggml_backend_buffer_get_type(nint buffer);

    [LibraryImport(Base)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool ggml_backend_buffer_is_host(nint buffer);

    [LibraryImport(Base)]
    internal static partial void ggml_backend_free(nint backend);

    [LibraryImport(Base)]
    internal static partial nint ggml_backend_get_device(nint backend);

    [LibraryImport(Base)]
    internal static partial void ggml_backend_tensor_set(ggml_tensor* tensor, void* data, nuint offset, nuint size);

    [LibraryImport(Base)]
    internal static partial void ggml_backend_tensor_get(ggml_tensor* tensor, void* data, nuint offset, nuint size);

    [LibraryImport(Base)]
    internal static partial byte* ggml_backend_dev_name(nint device);

    [LibraryImport(Base)]
    internal static partial byte* ggml_backend_dev_description(nint device);

    [LibraryImport(Base)]
    internal static partial void ggml_backend_dev_memory(nint device, out nuint free, out nuint total);

    [LibraryImport(Base)]
    internal static partial ggml_backend_dev_type ggml_backend_dev_type(nint device);

    [LibraryImport(Base)]
    internal static partial nint ggml_backend_dev_backend_reg(nint device);

    [LibraryImport(Base)]
    internal static partial nint ggml_backend_dev_init(nint device, byte* parameters);

    [LibraryImport(Base)]
    internal static partial nint ggml_backend_dev_buffer_type(nint device);

    [LibraryImport(Base)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool ggml_backend_dev_supports_op(nint device, ggml_tensor* op);

    [LibraryImport(Base)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool ggml_backend_buft_is_host(nint buft);

    [LibraryImport(Base)]
    internal static partial nint ggml_backend_cpu_buffer_type();

    [LibraryImport(Registry)]
    internal static partial void ggml_backend_register(ggml_backend_reg* reg);

    [LibraryImport(Base, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint ggml_backend_reg_get_proc_address(nint reg, string name);

    [LibraryImport(Registry)]
    internal static partial nuint ggml_backend_dev_count();

    [LibraryImport(Registry)]
    internal static partial nint ggml_backend_dev_get(nuint index);

    [LibraryImport(Registry)]
    internal static partial nint ggml_backend_dev_by_type(ggml_backend_dev_type type);

    [LibraryImport(Registry, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void ggml_backend_load_all_from_path(string dir_path);

    [LibraryImport(Base)]
    internal static partial nint ggml_backend_sched_new(
        nint* backends,
        nint* bufts,
        int n_backends,
        nuint graph_size,
        [MarshalAs(UnmanagedType.U1)] bool parallel,
        [MarshalAs(UnmanagedType.U1)] bool op_offload
    );

    [LibraryImport(Base)]
    internal static partial void ggml_backend_sched_free(nint sched);

    [LibraryImport(Base)]
    internal static partial void ggml_backend_sched_reset(nint sched);

    [LibraryImport(Base)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool ggml_backend_sched_alloc_graph(nint sched, nint graph);

    [LibraryImport(Base)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool ggml_backend_sched_reserve(nint sched, nint measure_graph);

    [LibraryImport(Base)]
    internal static partial void ggml_backend_sched_reserve_size(nint sched, nint measure_graph, nuint* sizes);

    [LibraryImport(Base)]
    internal static partial ggml_status ggml_backend_sched_graph_compute(nint sched, nint graph);

    internal const int GGML_BACKEND_BUFFER_USAGE_WEIGHTS = 1;
}

internal enum ggml_backend_dev_type
{
    CPU,
    GPU,
    IGPU,
    ACCEL,
    META,
}
