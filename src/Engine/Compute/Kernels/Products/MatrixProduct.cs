using Tessera.Gguf;
using Tessera.Native;

namespace Tessera.Compute.Kernels.Products;

/// <summary>
/// One <c>GGML_OP_MUL_MAT</c> of a weight [depth, columns] of any type that becomes float32, and x [depth, rows] in float32 -> [columns,
/// rows].
/// </summary>
internal readonly unsafe struct MatrixProduct(ggml_tensor* node)
{
    // Rows from which unpacking a weight pays: of kernels that take bytes of 16 columns at once, and of others.
    private const int LeastRowsOfBytes = 5;
    private const int LeastRows = 17;
    private const int LeastRowsOnUnit = 32;
    private const int LeastRowsRepacked = 64;
    private const int LeastDepth = 32;
    private const int GreatestLength = int.MaxValue / 64;

    // Where ggml 0.25.1's ggml_prec_set_src keeps what x may be rounded to (ggml/src/ggml.c); ggml 0.18.0 uses it for nothing.
    private const int PrecisionOfX = 3;

    public readonly ggml_tensor* Result = node;
    public readonly ggml_tensor* Weight = (ggml_tensor*)node->src[0];
    public readonly ggml_tensor* X = (ggml_tensor*)node->src[1];

    public int Depth => (int)Weight->ne[0];

    public int ColumnCount => (int)Weight->ne[1];

    public int RowCount => (int)(X->ne[1] * X->ne[2] * X->ne[3]);

    /// <summary>
    /// Whether the products are as exact as those of single precision; else both operands are rounded to bfloat16, which loses less than
    /// ggml's rounding of x to 8 bits where the weight is quantized.
    /// </summary>
    public bool IsExact =>
        Precision switch
        {
            ggml_prec.GGML_PREC_UNDEFINED => Weight->type is ggml_type.GGML_TYPE_F16 or ggml_type.GGML_TYPE_F32,
            ggml_prec.GGML_PREC_F32 => true,
            _ => false,
        };

    /// <summary>The form that it takes on vectors.</summary>
    public ProductForm Form => ProductForms.Of(Weight->type, IsExact, Depth, InterleavedWeights.Holds(Weight));

    /// <summary>Whether there are rows enough to pay for unpacking the weight, or it can be read as it is; ggml's kernels do so.</summary>
    /// <param name="areStepsTaken">Whether what stands between the products is Tessera's too.</param>
    public bool IsWorthIt(bool areStepsTaken) =>
        FewRowsKernel.Takes(this) && (areStepsTaken || !FewRowsKernel.LosesToWaiting(this))
        || RowCount
            >= (
                IsRepacked ? LeastRowsRepacked
                : MatrixUnit.IsSupported ? LeastRowsOnUnit
                : Form is { Rows: RowForm.Bytes or RowForm.PowerBytes, Layout.Bits: 8 } ? LeastRowsOfBytes
                : LeastRows
            );

    /// <summary>Says of a product what x may be rounded to.</summary>
    public static void SetPrecision(ggml_tensor* product, ggml_prec precision) => product->op_params[PrecisionOfX] = (int)precision;

    private ggml_prec Precision => (ggml_prec)Result->op_params[PrecisionOfX];

    /// <summary>Whether the weight lies as ggml's own AMX kernels read it.</summary>
    public bool IsRepacked => RepackedWeights.Holds(Weight);

    /// <summary>Whether the kernel can compute a node that is a <c>GGML_OP_MUL_MAT</c>.</summary>
    public static bool IsSupported(ggml_tensor* node)
    {
        if (!KernelDevice.HasProducts)
            return false;
        var product = new MatrixProduct(node);
        ggml_tensor* weight = product.Weight,
            x = product.X;
        return TensorLayout.IsContiguous(x)
            && TensorLayout.IsContiguous(node)
            && ElementConversion.IsConvertible((GgufTensorType)(int)weight->type)
            && weight->ne[0] is >= LeastDepth and <= GreatestLength
            && weight->ne[1] <= GreatestLength
            && weight->ne[2] == 1
            && weight->ne[3] == 1
            && weight->nb[0] == Ggml.ggml_get_type_traits(weight->type)->type_size
            && product.CanRead
            && x->ne[1] * x->ne[2] * x->ne[3] <= GreatestLength;
    }

    private bool CanRead =>
        InterleavedWeights.Holds(Weight)
            ? !MatrixUnit.IsSupported
                && !IsExact
                && ColumnCount % InterleavedWeights.Columns == 0
                && Form.Layout is not null
                && InterleavedWeights.CanUnpack(Weight->type)
            : CanReadOthers;

    private bool CanReadOthers =>
        IsRepacked
            ? !IsExact && RepackedWeights.CanUnpack(Weight->type)
            : Weight->buffer == 0 || GgmlBackend.ggml_backend_buffer_is_host(Weight->buffer);
}
