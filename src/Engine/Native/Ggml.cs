using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>What Tessera uses of <c>ggml/include/ggml.h</c>, the same in ggml 0.18.0 and 0.25.1.</summary>
internal static unsafe partial class Ggml
{
    private const string Library = NativeLibraries.GgmlBase;

    [LibraryImport(Library)]
    internal static partial byte* ggml_version();

    [LibraryImport(Library)]
    internal static partial byte* ggml_status_to_string(ggml_status status);

    [LibraryImport(Library)]
    internal static partial nint ggml_set_abort_callback(delegate* unmanaged[Cdecl]<byte*, void> callback);

    [LibraryImport(Library)]
    internal static partial void ggml_log_set(delegate* unmanaged[Cdecl]<ggml_log_level, byte*, void*, void> log_callback, void* user_data);

    [LibraryImport(Library)]
    internal static partial ggml_type_traits* ggml_get_type_traits(ggml_type type);

    [LibraryImport(Library)]
    internal static partial nuint ggml_quantize_chunk(
        ggml_type type,
        float* src,
        void* dst,
        long start,
        long nrows,
        long n_per_row,
        float* imatrix
    );

    [LibraryImport(Library)]
    internal static partial nuint ggml_tensor_overhead();

    [LibraryImport(Library)]
    internal static partial nuint ggml_graph_overhead_custom(nuint size, [MarshalAs(UnmanagedType.U1)] bool grads);

    [LibraryImport(Library)]
    internal static partial nint ggml_init(ggml_init_params parameters);

    [LibraryImport(Library)]
    internal static partial void ggml_free(nint ctx);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_new_tensor_4d(nint ctx, ggml_type type, long ne0, long ne1, long ne2, long ne3);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial ggml_tensor* ggml_set_name(ggml_tensor* tensor, string name);

    [LibraryImport(Library)]
    internal static partial byte* ggml_get_name(ggml_tensor* tensor);

    [LibraryImport(Library)]
    internal static partial void ggml_set_input(ggml_tensor* tensor);

    [LibraryImport(Library)]
    internal static partial void ggml_set_output(ggml_tensor* tensor);

    [LibraryImport(Library)]
    internal static partial nuint ggml_nbytes(ggml_tensor* tensor);

    [LibraryImport(Library)]
    internal static partial void* ggml_get_data(ggml_tensor* tensor);

    [LibraryImport(Library)]
    internal static partial nint ggml_new_graph_custom(nint ctx, nuint size, [MarshalAs(UnmanagedType.U1)] bool grads);

    [LibraryImport(Library)]
    internal static partial void ggml_build_forward_expand(nint cgraph, ggml_tensor* tensor);

    [LibraryImport(Library)]
    internal static partial int ggml_graph_n_nodes(nint cgraph);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_graph_node(nint cgraph, int i);

    [LibraryImport(Library)]
    internal static partial byte* ggml_op_name(ggml_op op);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_add(nint ctx, ggml_tensor* a, ggml_tensor* b);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_mul(nint ctx, ggml_tensor* a, ggml_tensor* b);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_scale(nint ctx, ggml_tensor* a, float s);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_mul_mat(nint ctx, ggml_tensor* a, ggml_tensor* b);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_norm(nint ctx, ggml_tensor* a, float eps);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_rms_norm(nint ctx, ggml_tensor* a, float eps);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_gelu(nint ctx, ggml_tensor* a);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_gelu_erf(nint ctx, ggml_tensor* a);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_gelu_quick(nint ctx, ggml_tensor* a);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_silu(nint ctx, ggml_tensor* a);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_flash_attn_ext(
        nint ctx,
        ggml_tensor* q,
        ggml_tensor* k,
        ggml_tensor* v,
        ggml_tensor* mask,
        float scale,
        float max_bias,
        float logit_softcap
    );

    [LibraryImport(Library)]
    internal static partial void ggml_mul_mat_set_prec(ggml_tensor* a, ggml_prec prec);

    [LibraryImport(Library)]
    internal static partial void ggml_flash_attn_ext_set_prec(ggml_tensor* a, ggml_prec prec);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_pad(nint ctx, ggml_tensor* a, int p0, int p1, int p2, int p3);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_cast(nint ctx, ggml_tensor* a, ggml_type type);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_cont(nint ctx, ggml_tensor* a);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_reshape_4d(nint ctx, ggml_tensor* a, long ne0, long ne1, long ne2, long ne3);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_view_4d(
        nint ctx,
        ggml_tensor* a,
        long ne0,
        long ne1,
        long ne2,
        long ne3,
        nuint nb1,
        nuint nb2,
        nuint nb3,
        nuint offset
    );

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_permute(nint ctx, ggml_tensor* a, int axis0, int axis1, int axis2, int axis3);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_concat(nint ctx, ggml_tensor* a, ggml_tensor* b, int dim);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_repeat_4d(nint ctx, ggml_tensor* a, long ne0, long ne1, long ne2, long ne3);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_get_rows(nint ctx, ggml_tensor* a, ggml_tensor* b);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_set_rows(nint ctx, ggml_tensor* a, ggml_tensor* b, ggml_tensor* c);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_swiglu_split(nint ctx, ggml_tensor* a, ggml_tensor* b);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_soft_max_ext(nint ctx, ggml_tensor* a, ggml_tensor* mask, float scale, float max_bias);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_conv_2d_dw_direct(
        nint ctx,
        ggml_tensor* a,
        ggml_tensor* b,
        int stride0,
        int stride1,
        int pad0,
        int pad1,
        int dilation0,
        int dilation1
    );

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_relu(nint ctx, ggml_tensor* a);

    [LibraryImport(Library)]
    internal static partial ggml_tensor* ggml_rope_ext(
        nint ctx,
        ggml_tensor* a,
        ggml_tensor* b,
        ggml_tensor* c,
        int n_dims,
        int mode,
        int n_ctx_orig,
        float freq_base,
        float freq_scale,
        float ext_factor,
        float attn_factor,
        float beta_fast,
        float beta_slow
    );
}

#pragma warning disable CA1712 // the names are those of the C header

internal enum ggml_prec
{
    GGML_PREC_UNDEFINED = 0,
    GGML_PREC_F32 = 10,
    GGML_PREC_BF16 = 15,
}

internal enum ggml_status
{
    GGML_STATUS_ALLOC_FAILED = -2,
    GGML_STATUS_FAILED = -1,
    GGML_STATUS_SUCCESS = 0,
    GGML_STATUS_ABORTED = 1,
}

internal enum ggml_log_level
{
    NONE,
    DEBUG,
    INFO,
    WARN,
    ERROR,
    CONT,
}

/// <summary>The element types that Tessera names itself; a file may hold any other of ggml.h.</summary>
internal enum ggml_type
{
    GGML_TYPE_F32 = 0,
    GGML_TYPE_F16 = 1,
    GGML_TYPE_Q4_0 = 2,
    GGML_TYPE_Q4_1 = 3,
    GGML_TYPE_Q5_0 = 6,
    GGML_TYPE_Q5_1 = 7,
    GGML_TYPE_Q8_0 = 8,
    GGML_TYPE_Q8_1 = 9,
    GGML_TYPE_Q4_K = 12,
    GGML_TYPE_Q5_K = 13,
    GGML_TYPE_Q6_K = 14,
    GGML_TYPE_Q8_K = 15,
    GGML_TYPE_IQ4_NL = 20,
    GGML_TYPE_IQ4_XS = 23,
    GGML_TYPE_I32 = 26,
    GGML_TYPE_I64 = 27,
    GGML_TYPE_BF16 = 30,
}

[StructLayout(LayoutKind.Sequential)]
internal struct ggml_init_params
{
    public nuint mem_size;
    public nint mem_buffer;
    public byte no_alloc;
}

/// <summary>The fields of <c>ggml_tensor</c> up to its data; always used behind a pointer that ggml owns.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ggml_tensor
{
    public ggml_type type;
    public nint buffer;
    public fixed long ne[4];
    public fixed ulong nb[4];
    public ggml_op op;
    public fixed int op_params[16];
    public int flags;
    public fixed ulong src[10];
    public ggml_tensor* view_src;
    public nuint view_offs;
    public byte* data;

    internal const int GGML_TENSOR_FLAG_COMPUTE = 16;
}

/// <summary>The operations that Tessera's own kernels know.</summary>
internal enum ggml_op
{
    GGML_OP_NONE = 0,
    GGML_OP_ADD = 2,
    GGML_OP_MUL = 7,
    GGML_OP_NORM = 24,
    GGML_OP_RMS_NORM = 25,
    GGML_OP_MUL_MAT = 29,
    GGML_OP_MUL_MAT_ID = 30,
    GGML_OP_RESHAPE = 36,
    GGML_OP_VIEW = 37,
    GGML_OP_PERMUTE = 38,
    GGML_OP_TRANSPOSE = 39,
    GGML_OP_SET_ROWS = 42,
    GGML_OP_ROPE = 48,
    GGML_OP_FLASH_ATTN_EXT = 74,
    GGML_OP_UNARY = 91,
    GGML_OP_GLU = 100,
}

/// <summary>Those of <see cref="ggml_op.GGML_OP_GLU"/> that they know.</summary>
internal enum ggml_glu_op
{
    GGML_GLU_OP_GEGLU = 1,
    GGML_GLU_OP_SWIGLU = 2,
    GGML_GLU_OP_GEGLU_ERF = 4,
    GGML_GLU_OP_GEGLU_QUICK = 5,
}

/// <summary>Those of <see cref="ggml_op.GGML_OP_UNARY"/> that they know.</summary>
internal enum ggml_unary_op
{
    GGML_UNARY_OP_GELU = 8,
    GGML_UNARY_OP_GELU_QUICK = 9,
    GGML_UNARY_OP_SILU = 10,
    GGML_UNARY_OP_GELU_ERF = 16,
}

/// <summary>What ggml knows of an element type; owned by ggml.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ggml_type_traits
{
    public byte* type_name;
    public long blck_size;
    public long blck_size_interleave;
    public nuint type_size;
    public byte is_quantized;
    public delegate* unmanaged[Cdecl]<void*, float*, long, void> to_float;
    public delegate* unmanaged[Cdecl]<float*, void*, long, void> from_float_ref;
}
