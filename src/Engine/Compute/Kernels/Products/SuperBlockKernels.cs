using Tessera.Compute.Kernels.Code;
using Tessera.Gguf;
using Tessera.Native;
using static Tessera.Compute.Kernels.Products.SuperBlockCall;

namespace Tessera.Compute.Kernels.Products;

/// <summary>The machine code for a row and columns in blocks of 256, where there is some that computes what it should.</summary>
internal static unsafe class SuperBlockKernels
{
    // Of a trial.
    private const int Blocks = 2,
        Columns = ColumnsOfQ4K,
        Elements = Blocks * Depth;

    private static readonly delegate* unmanaged<SuperBlockCall*, void> Q4K = (delegate* unmanaged<SuperBlockCall*, void>)
        VectorCode.FirstOf(MachineCodeKernel.SuperNibblesWide, MachineCodeKernel.SuperNibblesNarrow, PassesQ4K);

    private static readonly delegate* unmanaged<SuperBlockCall*, void> Q6K = (delegate* unmanaged<SuperBlockCall*, void>)
        VectorCode.FirstOf(MachineCodeKernel.SixBitsWide, MachineCodeKernel.SixBitsNarrow, PassesQ6K);

    /// <summary>Whether there is some for a type; of Q4_K for columns that ggml has interleaved.</summary>
    public static bool Has(ggml_type type) =>
        type switch
        {
            ggml_type.GGML_TYPE_Q4_K => Q4K != null,
            ggml_type.GGML_TYPE_Q6_K => Q6K != null,
            _ => false,
        };

    /// <summary>Columns that lie side by side.</summary>
    public static int ColumnsAtOnce(ggml_type type) => type == ggml_type.GGML_TYPE_Q4_K ? ColumnsOfQ4K : 1;

    /// <summary>Products of a row with some columns.</summary>
    /// <param name="weight">The columns' tensor, of a type that there is a kernel for.</param>
    /// <param name="firstColumn">The first, a multiple of <see cref="ColumnsAtOnce"/>.</param>
    /// <param name="count">How many, likewise, at least one.</param>
    /// <param name="row">The row's pairs.</param>
    /// <param name="result">Gets a sum of each column.</param>
    public static void Multiply(ggml_tensor* weight, int firstColumn, int count, byte* row, float* result)
    {
        bool isQ4K = weight->type == ggml_type.GGML_TYPE_Q4_K;
        int together = ColumnsAtOnce(weight->type);
        Call(
            isQ4K ? Q4K : Q6K,
            weight->data + (ulong)firstColumn * weight->nb[1],
            (nint)weight->nb[1] * together,
            count / together,
            (int)(weight->ne[0] / Depth),
            row,
            result
        );
    }

    private static void Call(
        delegate* unmanaged<SuperBlockCall*, void> kernel,
        byte* columns,
        nint stride,
        int count,
        int blocks,
        byte* row,
        float* result
    )
    {
        var call = new SuperBlockCall
        {
            Columns = columns,
            Stride = stride,
            Count = count,
            BlockCount = blocks,
            Row = row,
            Result = result,
        };
        kernel(&call);
    }

    private static bool PassesQ4K(nint entry)
    {
        const int Length = Blocks * BytesOfQ4K,
            ScalesOfBlock = 2 * Columns;
        byte* columns = stackalloc byte[2 * Length];
        float* scales = stackalloc float[Blocks * Depth / RowQuantizing.Depth * ScalesOfBlock];
        FillColumns(columns, 2 * Length);
        for (int half = 0; half < 2 * Blocks * 2 * Columns; half++)
            ((Half*)(columns + half / (2 * Columns) * BytesOfQ4K))[half % (2 * Columns)] = (Half)(0.25f + half % 3);
        return Passes(
            (delegate* unmanaged<SuperBlockCall*, void>)entry,
            columns,
            Length,
            count: 2,
            (column, weights) =>
            {
                byte* own = columns + column / Columns * Length;
                ColumnDots.ScalesOfInterleavedQ4K(own, Blocks, scales);
                for (int element = 0; element < Elements; element++)
                {
                    (int group, int at) = (element / RowQuantizing.Depth, element % RowQuantizing.Depth);
                    float* scale = scales + group * ScalesOfBlock + column % Columns;
                    int nibble = LaneKernels.Nibble(own + group / 8 * BytesOfQ4K, column % Columns, group % 8, at);
                    weights[element] = scale[0] * nibble + scale[Columns];
                }
            }
        );
    }

    private static bool PassesQ6K(nint entry)
    {
        const int Length = Blocks * BytesOfQ6K;
        byte* columns = stackalloc byte[2 * Columns * Length];
        FillColumns(columns, 2 * Columns * Length);
        for (int block = 0; block < 2 * Columns * Blocks; block++)
            *(Half*)(columns + block * BytesOfQ6K + ScaleOfQ6K) = (Half)(block % 3 - 0.75f);
        return Passes(
            (delegate* unmanaged<SuperBlockCall*, void>)entry,
            columns,
            Length,
            count: 2 * Columns,
            (column, weights) =>
                ElementConversion.ToFloat(
                    GgufTensorType.Q6_K,
                    new ReadOnlySpan<byte>(columns + column * Length, Length),
                    new Span<float>(weights, Elements)
                )
        );
    }

    private static void FillColumns(byte* columns, int length)
    {
        for (int index = 0; index < length; index++)
            columns[index] = (byte)(index * 11 + index / 100 * 7);
    }

    private delegate void WeightsOf(int column, float* weights);

    // Sixteen columns, of elements that bytes hold, so that only the order of sums differs.
    private static bool Passes(delegate* unmanaged<SuperBlockCall*, void> kernel, byte* columns, int stride, int count, WeightsOf weightsOf)
    {
        const double Tolerance = 1e-5;
        using var memory = new ScratchMemory();
        float* row = stackalloc float[Elements],
            weights = stackalloc float[Elements],
            sums = stackalloc float[2 * Columns];
        for (int index = 0; index < Elements; index++)
            row[index] = (index % RowQuantizing.Depth == 0 ? 127 : index * 7 % 255 - 127) * (index / RowQuantizing.Depth % 3 + 1);
        var x = new SuperBlockRows(memory.Reserve(SuperBlockRows.Length(Elements)), Elements);
        x.Fill(0, row);
        Call(kernel, columns, stride, count, Blocks, x.Row(0), sums);
        for (int column = 0; column < 2 * Columns; column++)
        {
            weightsOf(column, weights);
            double expected = 0,
                sizes = 0;
            for (int element = 0; element < Elements; element++)
            {
                double part = (double)weights[element] * row[element];
                expected += part;
                sizes += Math.Abs(part);
            }

            if (!(Math.Abs(sums[column] - expected) <= Tolerance * sizes))
                return false;
        }

        return true;
    }
}
