using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>
/// The tables of functions that a backend of our own gives to ggml: <c>ggml/src/ggml-backend-impl.h</c>, the same in
/// ggml 0.18.0 and 0.25.1. Members that are optional and stay null are <c>nint</c>.
/// </summary>
internal static class GgmlBackendInterface
{
    internal const int GGML_BACKEND_API_VERSION = 2;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ggml_backend_reg
{
    public int api_version;
    public delegate* unmanaged[Cdecl]<nint, byte*> get_name;
    public delegate* unmanaged[Cdecl]<nint, nuint> get_device_count;
    public delegate* unmanaged[Cdecl]<nint, nuint, nint> get_device;
    public delegate* unmanaged[Cdecl]<nint, byte*, nint> get_proc_address;
    public nint context;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ggml_backend_device
{
    public delegate* unmanaged[Cdecl]<nint, byte*> get_name;
    public delegate* unmanaged[Cdecl]<nint, byte*> get_description;
    public delegate* unmanaged[Cdecl]<nint, nuint*, nuint*, void> get_memory;
    public delegate* unmanaged[Cdecl]<nint, ggml_backend_dev_type> get_type;
    public delegate* unmanaged[Cdecl]<nint, ggml_backend_dev_props*, void> get_props;
    public delegate* unmanaged[Cdecl]<nint, byte*, nint> init_backend;
    public delegate* unmanaged[Cdecl]<nint, nint> get_buffer_type;
    public nint get_host_buffer_type;
    public nint buffer_from_host_ptr;
    public delegate* unmanaged[Cdecl]<nint, ggml_tensor*, byte> supports_op;
    public delegate* unmanaged[Cdecl]<nint, nint, byte> supports_buft;
    public nint offload_op;
    public nint event_new;
    public nint event_free;
    public nint event_synchronize;
    public ggml_backend_reg* reg;
    public nint context;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ggml_backend_buffer_type
{
    public delegate* unmanaged[Cdecl]<nint, byte*> get_name;
    public delegate* unmanaged[Cdecl]<nint, nuint, nint> alloc_buffer;
    public nint get_alignment;
    public nint get_max_size;
    public nint get_alloc_size;
    public nint is_host;
    public nint device;
    public nint context;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ggml_backend
{
    public nint guid;
    public delegate* unmanaged[Cdecl]<nint, byte*> get_name;
    public delegate* unmanaged[Cdecl]<ggml_backend*, void> free;
    public nint set_tensor_async;
    public nint get_tensor_async;
    public nint set_tensor_2d_async;
    public nint get_tensor_2d_async;
    public nint cpy_tensor_async;
    public nint synchronize;
    public nint graph_plan_create;
    public nint graph_plan_free;
    public nint graph_plan_update;
    public nint graph_plan_compute;
    public delegate* unmanaged[Cdecl]<ggml_backend*, nint, ggml_status> graph_compute;
    public nint event_record;
    public nint event_wait;
    public nint graph_optimize;
    public ggml_backend_device* device;
    public nint context;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ggml_backend_dev_props
{
    public byte* name;
    public byte* description;
    public nuint memory_free;
    public nuint memory_total;
    public ggml_backend_dev_type type;
    public byte* device_id;
    public byte caps_async;
    public byte caps_host_buffer;
    public byte caps_buffer_from_host_ptr;
    public byte caps_events;
    public byte caps_mmap_support;
}
