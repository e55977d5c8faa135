using Tessera.Compute.Kernels.Code;
using static Tessera.Compute.Kernels.Products.LanesCall;

namespace Tessera.Compute.Kernels.Products;

/// <summary>The machine code for eight rows and columns as they lie, where there is some that computes what it should.</summary>
internal static unsafe class LaneKernels
{
    private const int SuperDepth = SuperBlockCall.Depth,
        SuperBytes = SuperBlockCall.BytesOfQ4K,
        NibblesAt = SuperBlockCall.NibblesOfQ4K;

    /// <summary>Of four columns of Q8_0; null where there is none.</summary>
    public static readonly delegate* unmanaged<LanesCall*, void> Q8 = (delegate* unmanaged<LanesCall*, void>)
        VectorCode.FirstOf(
            MachineCodeKernel.LanesWide,
            MachineCodeKernel.LanesNarrow,
            static entry => Passes((delegate* unmanaged<LanesCall*, void>)entry, isQ4K: false)
        );

    /// <summary>Of eight interleaved columns of Q4_K; null where there is none.</summary>
    public static readonly delegate* unmanaged<LanesCall*, void> Q4K = (delegate* unmanaged<LanesCall*, void>)
        VectorCode.FirstOf(
            MachineCodeKernel.NibblesWide,
            MachineCodeKernel.NibblesNarrow,
            static entry => Passes((delegate* unmanaged<LanesCall*, void>)entry, isQ4K: true)
        );

    // Small integers and scales that are powers of two, so that every sum is exact.
    private static bool Passes(delegate* unmanaged<LanesCall*, void> kernel, bool isQ4K)
    {
        const int Blocks = SuperDepth / RowQuantizing.Depth,
            MostColumns = ColumnsOfQ4K,
            Scales = 2 * MostColumns;
        int stride = isQ4K ? 0 : Blocks * Q8Blocks.ByteLength,
            columnCount = isQ4K ? ColumnsOfQ4K : ColumnsOfQ8;
        using var memory = new ScratchMemory();
        float* rows = stackalloc float[Lanes * SuperDepth],
            scales = stackalloc float[Blocks * Scales],
            sums = stackalloc float[MostColumns * Lanes];
        byte* columns = stackalloc byte[ColumnsOfQ8 * Blocks * Q8Blocks.ByteLength + SuperBytes];
        for (int index = 0; index < Lanes * SuperDepth; index++)
            rows[index] = index % RowQuantizing.Depth == 0 ? 127 : index * 7 % 255 - 127;
        for (int index = 0; index < ColumnsOfQ8 * stride + SuperBytes; index++)
            columns[index] = (byte)(index * 11 + index / 100);
        for (int block = 0; !isQ4K && block < ColumnsOfQ8 * Blocks; block++)
            *(Half*)(columns + block * Q8Blocks.ByteLength) = (Half)(block % 3 == 0 ? -0.5f : 2);
        for (int index = 0; index < Blocks * Scales; index++)
            scales[index] = index % 5 - 2;
        var x = new QuantizedLanes(memory.Reserve(QuantizedLanes.Length(SuperDepth, Lanes)), SuperDepth);
        x.Fill(rows, Lanes);
        var call = new LanesCall
        {
            Columns = columns,
            Stride = stride,
            BlockCount = isQ4K ? 1 : Blocks,
            Rows = x.Group(0),
            Scales = scales,
            Sums = sums,
        };
        kernel(&call);
        for (int index = 0; index < columnCount * Lanes; index++)
        {
            (int column, int lane) = (index / Lanes, index % Lanes);
            float expected = 0;
            for (int element = 0; element < SuperDepth; element++)
            {
                (int block, int at) = (element / RowQuantizing.Depth, element % RowQuantizing.Depth);
                byte* own = columns + column * stride + block * Q8Blocks.ByteLength;
                float weight = isQ4K
                    ? scales[block * Scales + column] * Nibble(columns, column, block, at) + scales[block * Scales + MostColumns + column]
                    : (float)*(Half*)own * ((sbyte*)own)[sizeof(ushort) + at];
                expected += weight * rows[lane * SuperDepth + element];
            }

            if (sums[index] != expected)
                return false;
        }

        return true;
    }

    /// <summary>An element of one of eight interleaved columns of Q4_K, without its scale.</summary>
    /// <param name="super">The columns' block of 256.</param>
    /// <param name="column">Which of the columns.</param>
    /// <param name="group">Which 32 elements.</param>
    /// <param name="element">Which of them.</param>
    public static int Nibble(byte* super, int column, int group, int element)
    {
        const int Chunk = 8;
        byte pair = super[NibblesAt + (group / 2 * 4 + element / Chunk) * Chunk * ColumnsOfQ4K + column * Chunk + element % Chunk];
        return group % 2 == 0 ? pair & 15 : pair >> 4;
    }
}
