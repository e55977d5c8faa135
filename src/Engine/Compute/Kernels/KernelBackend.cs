using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Tessera.Compute.Kernels.Attention;
using Tessera.Compute.Kernels.Products;
using Tessera.Compute.Kernels.Rows;
using Tessera.Compute.Kernels.Steps;
using Tessera.Native;

namespace Tessera.Compute.Kernels;

/// <summary>One user's stream on the <see cref="KernelDevice"/>: a scheduler gives it the parts of a graph that hold its
/// operations.</summary>
internal sealed unsafe class KernelBackend : IDisposable
{
    // Tells ggml one backend from another; any 16 bytes that no other has.
    private static readonly byte* Id = NewId();
    private readonly AttentionKernel attention = new();
    private readonly MatrixProductKernel unitProducts = new();
    private readonly VectorProductKernel vectorProducts = new();
    private readonly FewRowsKernel fewRows = new();
    private readonly RowChain rows = new();
    private readonly bool isOfTower;
    private int threadCount = Environment.ProcessorCount;
    private delegate* unmanaged[Cdecl]<void*, byte> mustStop;
    private void* stopContext;

    private KernelBackend(bool isOfTower) => this.isOfTower = isOfTower;

    /// <summary>A backend that ggml owns and frees.</summary>
    /// <param name="device">Its device.</param>
    /// <param name="name">Says its name.</param>
    /// <param name="isOfTower">Whether a row's products must not depend on how many rows there are.</param>
    public static ggml_backend* New(ggml_backend_device* device, delegate* unmanaged[Cdecl]<nint, byte*> name, bool isOfTower)
    {
        var made = (ggml_backend*)NativeMemory.AllocZeroed((nuint)sizeof(ggml_backend));
        *made = new ggml_backend
        {
            guid = (nint)Id,
            get_name = name,
            free = &Free,
            graph_compute = &Compute,
            device = device,
            context = GCHandle.ToIntPtr(GCHandle.Alloc(new KernelBackend(isOfTower))),
        };
        return made;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    public static void SetThreads(ggml_backend* self, int count) => Of(self).threadCount = Math.Max(1, count);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    public static void SetAbort(ggml_backend* self, delegate* unmanaged[Cdecl]<void*, byte> callback, void* context)
    {
        KernelBackend backend = Of(self);
        backend.mustStop = callback;
        backend.stopContext = context;
    }

    public void Dispose()
    {
        attention.Dispose();
        unitProducts.Dispose();
        vectorProducts.Dispose();
        fewRows.Dispose();
    }

    private static KernelBackend Of(ggml_backend* self) => (KernelBackend)GCHandle.FromIntPtr(self->context).Target!;

    private static byte* NewId()
    {
        var id = (byte*)NativeMemory.Alloc(16);
        "Tessera kernels."u8.CopyTo(new Span<byte>(id, 16));
        return id;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Free(ggml_backend* self)
    {
        Of(self).Dispose();
        GCHandle.FromIntPtr(self->context).Free();
        NativeMemory.Free(self);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static ggml_status Compute(ggml_backend* self, nint graph)
    {
        try
        {
            return Of(self).Compute(graph);
        }
        catch (OutOfMemoryException)
        {
            return ggml_status.GGML_STATUS_ALLOC_FAILED;
        }
        catch (Exception)
        {
            // Nothing managed may pass through ggml.
            return ggml_status.GGML_STATUS_FAILED;
        }
    }

    private void Multiply(MatrixProduct product)
    {
        if (!isOfTower && FewRowsKernel.Takes(product))
        {
            KernelUse.Note(FewRowsKernel.Name);
            fewRows.Compute(product, threadCount);
            return;
        }

        if (MatrixUnit.IsSupported)
        {
            KernelUse.Note(product.IsExact ? "products: AMX, bfloat16 in two parts" : "products: AMX, bfloat16");
            unitProducts.Compute(product, threadCount);
            return;
        }

        ProductForm form = product.Form;
        KernelUse.Note(ProductForms.NameOf(form.Kernel));
        vectorProducts.Compute(product, form, threadCount);
    }

    private ggml_status Compute(nint graph)
    {
        unitProducts.Begin();
        vectorProducts.Begin();
        fewRows.Begin();
        rows.Clear();
        for (int index = 0; index < Ggml.ggml_graph_n_nodes(graph); index++)
        {
            ggml_tensor* node = Ggml.ggml_graph_node(graph, index);
            if (
                node->op is ggml_op.GGML_OP_NONE or (>= ggml_op.GGML_OP_RESHAPE and <= ggml_op.GGML_OP_TRANSPOSE)
                || (node->flags & ggml_tensor.GGML_TENSOR_FLAG_COMPUTE) == 0
            )
                continue;
            bool isLarge = node->op is ggml_op.GGML_OP_MUL_MAT or ggml_op.GGML_OP_FLASH_ATTN_EXT,
                isOfRows = !isLarge && node->op is not (ggml_op.GGML_OP_ROPE or ggml_op.GGML_OP_SET_ROWS);
            if (isOfRows && rows.TryAdd(new RowOperation(node)))
                continue;
            rows.Compute(threadCount);
            if (isLarge)
                ProcessorTurn.Yield();
            if (mustStop != null && mustStop(stopContext) != 0)
                return ggml_status.GGML_STATUS_ABORTED;
            if (node->op == ggml_op.GGML_OP_MUL_MAT)
                Multiply(new MatrixProduct(node));
            else if (node->op == ggml_op.GGML_OP_FLASH_ATTN_EXT)
                attention.Compute(new AttentionShape(node), threadCount);
            else if (node->op == ggml_op.GGML_OP_ROPE)
                new HeadRotation(node).Compute();
            else if (node->op == ggml_op.GGML_OP_SET_ROWS)
                new CacheRows(node).Compute();
            else
                rows.TryAdd(new RowOperation(node));
        }

        rows.Compute(threadCount);
        return ggml_status.GGML_STATUS_SUCCESS;
    }
}
