using Tessera.Compute;
using Tessera.Compute.Kernels.Code;
using Tessera.Compute.Kernels.Products;
using Tessera.Gguf;
using Tessera.Native;

namespace Tessera.Engine.NativeTests.Kernels;

/// <summary>A product of a weight of some type, as ggml describes it, and its sums as the slow version has them.</summary>
internal sealed unsafe class QuantizedProduct : IDisposable
{
    private readonly int depth,
        columns,
        rows;
    private readonly float[] weight,
        x;
    private readonly GgmlContextHandle arena = GgmlArena.Create(tensorCapacity: 8);
    private readonly GgmlContextHandle packedArena = GgmlArena.Create(tensorCapacity: 2);
    private readonly BackendBufferHandle buffer;
    private readonly BackendBufferHandle? packedBuffer;

    /// <param name="type">The weight's type.</param>
    /// <param name="depth">Its inputs.</param>
    /// <param name="columns">Its outputs.</param>
    /// <param name="rows">Rows of x.</param>
    /// <param name="packing">The buffer type in which ggml repacks the weight; 0 leaves it plain.</param>
    /// <param name="isExtreme">Whether numbers are as far from zero as their types allow, all of a row on the same side.</param>
    public QuantizedProduct(ggml_type type, int depth, int columns, int rows, nint packing = 0, bool isExtreme = false)
    {
        (this.depth, this.columns, this.rows) = (depth, columns, rows);
        var random = new Random(depth + columns);
        weight = Numbers(random, depth * columns);
        x = Numbers(random, depth * rows);
        for (int index = 0; isExtreme && index < weight.Length; index++)
            weight[index] = index % 16 == 0 ? -1 : 0.97f;
        for (int index = 0; isExtreme && index < x.Length; index++)
            x[index] = index / depth % 2 == 0 ? 1 : -1;
        ggml_tensor* stored = Ggml.ggml_new_tensor_4d(arena.Pointer, type, depth, columns, 1, 1);
        ggml_tensor* given = Ggml.ggml_new_tensor_4d(arena.Pointer, ggml_type.GGML_TYPE_F32, depth, rows, 1, 1);
        Node = Ggml.ggml_mul_mat(arena.Pointer, stored, given);
        buffer = new BackendBufferHandle(
            GgmlBackend.ggml_backend_alloc_ctx_tensors_from_buft(arena.Pointer, GgmlBackend.ggml_backend_cpu_buffer_type())
        );
        float[] importance = [.. Enumerable.Repeat(1f, depth)];
        fixed (
            float* from = weight,
                even = importance
        )
        {
            if (type == ggml_type.GGML_TYPE_F32)
                weight.CopyTo(new Span<float>(stored->data, weight.Length));
            else
                Ggml.ggml_quantize_chunk(type, from, stored->data, 0, columns, depth, even);
        }

        ElementConversion.ToFloat((GgufTensorType)(int)type, new ReadOnlySpan<byte>(stored->data, (int)Ggml.ggml_nbytes(stored)), weight);
        x.CopyTo(new Span<float>(given->data, x.Length));
        if (packing == 0)
            return;
        ggml_tensor* packed = Ggml.ggml_new_tensor_4d(packedArena.Pointer, type, depth, columns, 1, 1);
        packedBuffer = new BackendBufferHandle(GgmlBackend.ggml_backend_alloc_ctx_tensors_from_buft(packedArena.Pointer, packing));
        GgmlBackend.ggml_backend_tensor_set(packed, stored->data, 0, Ggml.ggml_nbytes(stored));
        Node->src[0] = (ulong)packed;
    }

    /// <summary>The product.</summary>
    public ggml_tensor* Node { get; }

    public Span<float> Sums => new(Node->data, columns * rows);

    /// <summary>The largest error of a sum, in units of the root of its products' sum of squares.</summary>
    public double WorstError(VectorProductKernel kernel, ProductForm form, int threads)
    {
        Sums.Fill(float.NaN);
        kernel.Compute(new MatrixProduct(Node), form, threads);
        return WorstError(form);
    }

    /// <summary>The same of the kernel for few rows.</summary>
    public double WorstError(FewRowsKernel kernel, int threads)
    {
        Sums.Fill(float.NaN);
        kernel.Compute(new MatrixProduct(Node), threads);
        return WorstError(new ProductForm(BlockLayout.Symmetric, MachineCodeKernel.SymmetricWide));
    }

    private double WorstError(ProductForm form)
    {
        float[] left = [.. x],
            right = [.. weight];
        Round(left, form.Rows);
        if (form.Rows == RowForm.Halves)
            Round(right, form.Rows);
        double worst = 0;
        for (int row = 0; row < rows; row += Math.Max(1, rows / 40))
        {
            for (int column = 0; column < columns; column++)
            {
                double sum = 0,
                    squares = 0;
                for (int index = 0; index < depth; index++)
                {
                    double part = (double)right[column * depth + index] * left[row * depth + index];
                    sum += part;
                    squares += part * part;
                }

                double error = Math.Abs(Sums[row * columns + column] - sum) / Math.Sqrt(squares);
                if (!(error <= worst))
                    worst = error;
            }
        }

        return worst;
    }

    public void Dispose()
    {
        buffer.Dispose();
        packedBuffer?.Dispose();
        packedArena.Dispose();
        arena.Dispose();
    }

    // What the form keeps of the elements.
    private static void Round(float[] values, RowForm form)
    {
        if (form == RowForm.Halves)
        {
            for (int index = 0; index < values.Length; index++)
            {
                uint bits = BitConverter.SingleToUInt32Bits(values[index]);
                values[index] = BitConverter.UInt32BitsToSingle((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000);
            }
        }
        else if (form != RowForm.Floats)
        {
            float greatest = form == RowForm.Words ? 32767 : 127;
            for (int first = 0; first < values.Length; first += 32)
            {
                Span<float> block = values.AsSpan(first, 32);
                float scale = 0;
                foreach (float value in block)
                    scale = Math.Max(scale, Math.Abs(value));
                scale /= greatest;
                if (form == RowForm.PowerBytes)
                    scale = MathF.Pow(2, MathF.Ceiling(MathF.Log2(scale)));
                float inverse = 1 / scale;
                for (int index = 0; index < block.Length; index++)
                    block[index] = MathF.Round(block[index] * inverse) * scale;
            }
        }
    }

    private static float[] Numbers(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];
}
