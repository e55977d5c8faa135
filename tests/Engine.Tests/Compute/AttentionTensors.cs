using System.Runtime.InteropServices;
using Tessera.Compute.Kernels.Attention;
using Tessera.Native;

namespace Tessera.Engine.Tests.Compute;

/// <summary>The sizes of one attention, and how its keys and mask are stored.</summary>
public sealed record AttentionCase(
    int Head,
    int Value,
    int Queries,
    int Tokens,
    int Heads,
    int KeyHeads,
    int Slices,
    int KeySlices,
    bool IsHalf = false,
    string Mask = "",
    bool IsRounded = false
);

/// <summary>Changes a node before it is judged.</summary>
internal delegate void NodeChange(ref ggml_tensor node);

/// <summary>The tensors of one attention in memory, filled with random numbers, and the same attention by its formula in double
/// precision.</summary>
internal sealed unsafe class AttentionTensors : IDisposable
{
    private readonly AttentionCase shape;
    private readonly Random random = new(7);
    private readonly List<nint> memory = [];
    private readonly ggml_tensor* query,
        key,
        value,
        mask,
        node;

    public AttentionTensors(AttentionCase shape)
    {
        this.shape = shape;
        query = New(false, shape.Head, shape.Queries, shape.Heads, shape.Slices);
        key = New(shape.IsHalf, shape.Head, shape.Tokens, shape.KeyHeads, shape.KeySlices);
        value = New(shape.IsHalf, shape.Value, shape.Tokens, shape.KeyHeads, shape.KeySlices);
        node = New(false, shape.Value, shape.Heads, shape.Queries, shape.Slices);
        mask = shape.Mask.Length > 0 ? New(true, shape.Tokens, shape.Queries, 1, 1) : null;
        for (int row = 0; mask != null && row < shape.Queries; row++)
        {
            for (int token = 0; token < shape.Tokens; token++)
                ((Half*)mask->data)[row * shape.Tokens + token] = (Half)MaskValue(row, token);
        }

        node->op = ggml_op.GGML_OP_FLASH_ATTN_EXT;
        node->op_params[0] = BitConverter.SingleToInt32Bits(1 / MathF.Sqrt(shape.Head));
        node->op_params[3] = (int)(shape.IsRounded ? ggml_prec.GGML_PREC_UNDEFINED : ggml_prec.GGML_PREC_F32);
        (node->src[0], node->src[1], node->src[2], node->src[3]) = ((ulong)query, (ulong)key, (ulong)value, (ulong)mask);
    }

    public bool IsSupported(NodeChange change)
    {
        ggml_tensor copy = *node,
            keyBefore = *key,
            valueBefore = *value;
        change(ref copy);
        bool result = AttentionShape.IsSupported(&copy);
        (*key, *value) = (keyBefore, valueBefore);
        return result;
    }

    public float[] Compute(int threads)
    {
        using var kernel = new AttentionKernel();
        var result = new Span<float>(node->data, (int)(node->ne[0] * node->ne[1] * node->ne[2] * node->ne[3]));
        result.Fill(float.NaN);
        kernel.Compute(new AttentionShape(node), threads);
        return result.ToArray();
    }

    /// <summary>softmax(scale * k^T q + mask) v: [value, heads, queries, slices].</summary>
    public float[] Expected()
    {
        var result = new float[shape.Value * shape.Heads * shape.Queries * shape.Slices];
        for (int slice = 0; slice < shape.Slices; slice++)
        for (int head = 0; head < shape.Heads; head++)
        for (int row = 0; row < shape.Queries; row++)
            Mix(slice, head, row, result.AsSpan(((slice * shape.Queries + row) * shape.Heads + head) * shape.Value, shape.Value));
        return result;
    }

    public void Dispose()
    {
        foreach (nint block in memory)
            NativeMemory.Free((void*)block);
    }

    private void Mix(int slice, int head, int row, Span<float> result)
    {
        int keySlice = slice / (shape.Slices / shape.KeySlices),
            keyHead = head / (shape.Heads / shape.KeyHeads);
        var scores = new double[shape.Tokens];
        for (int token = 0; token < shape.Tokens; token++)
        {
            double dot = 0;
            for (int index = 0; index < shape.Head; index++)
                dot += (double)At(query, index, row, head, slice) * At(key, index, token, keyHead, keySlice);
            scores[token] = dot / MathF.Sqrt(shape.Head) + (mask == null ? 0 : At(mask, token, row, 0, 0));
        }

        double greatest = scores.Max(),
            sum = scores.Sum(score => Math.Exp(score - greatest));
        for (int index = 0; index < shape.Value && !double.IsNegativeInfinity(greatest); index++)
        {
            double mixed = 0;
            for (int token = 0; token < shape.Tokens; token++)
                mixed += Math.Exp(scores[token] - greatest) / sum * At(value, index, token, keyHead, keySlice);
            result[index] = (float)mixed;
        }
    }

    private float MaskValue(int row, int token) =>
        shape.Mask switch
        {
            "causal" => token <= row + shape.Tokens - shape.Queries - 3 ? 0 : float.NegativeInfinity,
            "numbers" => random.NextSingle() < 0.2 ? float.NegativeInfinity : 4 * random.NextSingle() - 2,
            _ => row % 3 == 0 || token > 70 ? float.NegativeInfinity : 0,
        };

    private static float At(ggml_tensor* tensor, int index0, int index1, int index2, int index3)
    {
        byte* place =
            tensor->data
            + (ulong)index0 * tensor->nb[0]
            + (ulong)index1 * tensor->nb[1]
            + (ulong)index2 * tensor->nb[2]
            + (ulong)index3 * tensor->nb[3];
        return tensor->type == ggml_type.GGML_TYPE_F16 ? (float)*(Half*)place : *(float*)place;
    }

    private ggml_tensor* New(bool isHalf, long size0, long size1, long size2, long size3)
    {
        var tensor = (ggml_tensor*)Block(sizeof(ggml_tensor));
        tensor->type = isHalf ? ggml_type.GGML_TYPE_F16 : ggml_type.GGML_TYPE_F32;
        (tensor->ne[0], tensor->ne[1], tensor->ne[2], tensor->ne[3]) = (size0, size1, size2, size3);
        tensor->nb[0] = isHalf ? 2ul : 4;
        for (int dimension = 1; dimension < 4; dimension++)
            tensor->nb[dimension] = tensor->nb[dimension - 1] * (ulong)tensor->ne[dimension - 1];
        long count = size0 * size1 * size2 * size3;
        tensor->data = (byte*)Block(count * (isHalf ? 2 : 4));
        for (long index = 0; index < count; index++)
        {
            float number = 3 * (random.NextSingle() - 0.5f);
            if (isHalf)
                ((Half*)tensor->data)[index] = (Half)number;
            else
                ((float*)tensor->data)[index] = number;
        }

        return tensor;
    }

    private nint Block(long length)
    {
        memory.Add((nint)NativeMemory.AllocZeroed((nuint)length));
        return memory[^1];
    }
}
