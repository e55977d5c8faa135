using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Tessera.Native;
using static Tessera.Compute.Kernels.Products.TensorLayout;

namespace Tessera.Compute.Kernels.Rows;

/// <summary>
/// An operation whose results' rows depend on the same rows of its operands alone, all in float32: sums, products, norms and activations.
/// x [width, ...], and the second operand of the same shape or one row [width] -> [width, ...].
/// </summary>
internal readonly unsafe struct RowOperation(ggml_tensor* node)
{
    private const int Lanes = 16;
    private readonly ggml_tensor* x = (ggml_tensor*)node->src[0];
    private readonly ggml_tensor* other = (ggml_tensor*)node->src[1];

    public ggml_tensor* Result => node;

    public int Width => (int)node->ne[0];

    public int RowCount => (int)(node->ne[1] * node->ne[2] * node->ne[3]);

    private float Epsilon => BitConverter.Int32BitsToSingle(node->op_params[0]);

    private ggml_unary_op Activation =>
        node->op == ggml_op.GGML_OP_UNARY
            ? (ggml_unary_op)node->op_params[0]
            : (ggml_glu_op)node->op_params[0] switch
            {
                ggml_glu_op.GGML_GLU_OP_SWIGLU => ggml_unary_op.GGML_UNARY_OP_SILU,
                ggml_glu_op.GGML_GLU_OP_GEGLU => ggml_unary_op.GGML_UNARY_OP_GELU,
                ggml_glu_op.GGML_GLU_OP_GEGLU_ERF => ggml_unary_op.GGML_UNARY_OP_GELU_ERF,
                _ => ggml_unary_op.GGML_UNARY_OP_GELU_QUICK,
            };

    /// <summary>Whether a node is such an operation, of an operator that is known and of tensors without gaps.</summary>
    public static bool IsSupported(ggml_tensor* node)
    {
        if (!IsKnown(node))
            return false;
        var operation = new RowOperation(node);
        bool isPlain =
            IsContiguous(node)
            && IsContiguous(operation.x)
            && HasShapeOf(operation.x, node)
            && node->ne[0] <= int.MaxValue / 64
            && node->ne[1] * node->ne[2] * node->ne[3] <= int.MaxValue;
        return isPlain
            && (
                operation.other == null
                || (
                    IsContiguous(operation.other)
                    && (HasShapeOf(operation.other, node) || (operation.IsRow && node->op != ggml_op.GGML_OP_GLU))
                )
            );
    }

    /// <summary>
    /// Whether this operation can be computed for some rows right after others, before they have computed the rest: it takes the last one's
    /// result, writes over nothing that other rows still need, and reads no other rows that are still to be written.
    /// </summary>
    public bool Follows(IReadOnlyList<RowOperation> before)
    {
        if (x != before[^1].Result || !HasShapeOf(node, x))
            return false;
        foreach (RowOperation earlier in before)
        {
            if (Crosses(node, earlier.Result) || Crosses(node, earlier.x) || Crosses(node, earlier.other) || Crosses(other, earlier.Result))
                return false;
        }

        return true;
    }

    /// <summary>Computes some rows.</summary>
    public void Compute(int firstRow, int rowCount)
    {
        long first = (long)firstRow * Width,
            count = (long)rowCount * Width;
        float* from = (float*)x->data + first,
            to = (float*)node->data + first;
        if (node->op == ggml_op.GGML_OP_UNARY)
            Activate(from, null, to, count);
        else if (node->op == ggml_op.GGML_OP_GLU)
            Activate(from, (float*)other->data + first, to, count);
        else if (node->op is ggml_op.GGML_OP_NORM or ggml_op.GGML_OP_RMS_NORM)
            Normalise(from, to, rowCount);
        else if (!IsRow)
            Combine(from, (float*)other->data + first, to, count);
        else
            for (int row = 0; row < rowCount; row++, from += Width, to += Width)
                Combine(from, (float*)other->data, to, Width);
    }

    private bool IsRow => other->ne[0] == node->ne[0] && other->ne[1] == 1 && other->ne[2] == 1 && other->ne[3] == 1;

    private static bool IsKnown(ggml_tensor* node) =>
        node->op switch
        {
            ggml_op.GGML_OP_ADD or ggml_op.GGML_OP_MUL or ggml_op.GGML_OP_NORM or ggml_op.GGML_OP_RMS_NORM => true,
            ggml_op.GGML_OP_UNARY => (ggml_unary_op)node->op_params[0]
                is ggml_unary_op.GGML_UNARY_OP_GELU
                    or ggml_unary_op.GGML_UNARY_OP_GELU_QUICK
                    or ggml_unary_op.GGML_UNARY_OP_GELU_ERF
                    or ggml_unary_op.GGML_UNARY_OP_SILU,
            // Of two operands only, the first of which is activated.
            ggml_op.GGML_OP_GLU => node->src[1] != 0
                && node->op_params[1] == 0
                && (ggml_glu_op)node->op_params[0]
                    is ggml_glu_op.GGML_GLU_OP_SWIGLU
                        or ggml_glu_op.GGML_GLU_OP_GEGLU
                        or ggml_glu_op.GGML_GLU_OP_GEGLU_ERF
                        or ggml_glu_op.GGML_GLU_OP_GEGLU_QUICK,
            _ => false,
        };

    // Whether two share memory other than row by row.
    private static bool Crosses(ggml_tensor* a, ggml_tensor* b)
    {
        if (a == null || b == null || a->data >= b->data + Length(b) || b->data >= a->data + Length(a))
            return false;
        return a->data != b->data || !HasShapeOf(a, b);
    }

    private static long Length(ggml_tensor* tensor) => tensor->ne[0] * tensor->ne[1] * tensor->ne[2] * tensor->ne[3] * sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Combine(float* a, float* b, float* to, long count)
    {
        bool adds = node->op == ggml_op.GGML_OP_ADD;
        long index = 0;
        for (; index + Lanes <= count; index += Lanes)
        {
            Vector512<float> left = Vector512.Load(a + index),
                right = Vector512.Load(b + index);
            (adds ? left + right : left * right).Store(to + index);
        }

        for (; index < count; index++)
            to[index] = adds ? a[index] + b[index] : a[index] * b[index];
    }

    // As ggml_compute_forward_norm_f32 and _rms_norm_f32 (ggml 0.25.1, src/ggml-cpu/ops.cpp).
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Normalise(float* from, float* to, int rowCount)
    {
        int width = Width;
        for (int row = 0; row < rowCount; row++, from += width, to += width)
        {
            float mean = node->op == ggml_op.GGML_OP_NORM ? Sum(from, 0, width, isSquared: false) / width : 0;
            float scale = 1 / MathF.Sqrt(Sum(from, mean, width, isSquared: true) / width + Epsilon);
            int index = 0;
            for (; index + Lanes <= width; index += Lanes)
                ((Vector512.Load(from + index) - Vector512.Create(mean)) * scale).Store(to + index);
            for (; index < width; index++)
                to[index] = (from[index] - mean) * scale;
        }
    }

    private static float Sum(float* values, float mean, int count, bool isSquared)
    {
        Vector512<float> total = default;
        int index = 0;
        for (; index + Lanes <= count; index += Lanes)
        {
            Vector512<float> difference = Vector512.Load(values + index) - Vector512.Create(mean);
            total += isSquared ? difference * difference : difference;
        }

        float sum = Vector512.Sum(total);
        for (; index < count; index++)
            sum += isSquared ? (values[index] - mean) * (values[index] - mean) : values[index] - mean;
        return sum;
    }

    // Times the factors, where there are any.
    private void Activate(float* from, float* factors, float* to, long count)
    {
        long index = 0;
        for (; index + Lanes <= count; index += Lanes)
        {
            Vector512<float> activated = VectorActivations.Compute(Activation, Vector512.Load(from + index));
            (factors == null ? activated : activated * Vector512.Load(factors + index)).Store(to + index);
        }

        if (index == count)
            return;
        Vector512<float> last = default;
        for (int lane = 0; index + lane < count; lane++)
            last = last.WithElement(lane, from[index + lane]);
        last = VectorActivations.Compute(Activation, last);
        for (int lane = 0; index + lane < count; lane++)
            to[index + lane] = factors == null ? last[lane] : last[lane] * factors[index + lane];
    }
}
