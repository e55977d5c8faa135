using static Tessera.Compute.Kernels.Products.SuperBlockCall;

namespace Tessera.Compute.Kernels.Products;

/// <summary>Rows of x, rounded to bytes in blocks of 32, as <see cref="SuperBlockCall"/> has them.</summary>
/// <param name="memory">Room of <see cref="Length"/> bytes for each row.</param>
/// <param name="depth">Elements of a row, a multiple of 256.</param>
internal readonly unsafe struct SuperBlockRows(byte* memory, int depth)
{
    // Of the 32 that elements count from, for a fourth of 16 elements.
    private const int Excess = -32 / 4;
    private const int Lanes = VectorBytes / sizeof(float);

    /// <summary>Bytes of a row.</summary>
    public static long Length(int depth) => (long)(depth / PairDepth) * PairBytes;

    /// <summary>A row's pairs.</summary>
    public byte* Row(int row) => memory + row * Length(depth);

    /// <summary>Quantizes a row.</summary>
    public void Fill(int row, float* values)
    {
        byte* pair = Row(row);
        for (int first = 0; first < depth; first += PairDepth, pair += PairBytes)
        {
            for (int block = 0; block < 2; block++)
            {
                (float scale, int left, int right) = RowQuantizing.ToBytes(
                    values + first + block * RowQuantizing.Depth,
                    pair + block * RowQuantizing.Depth
                );
                byte* vectors = pair + block * VectorBytes;
                new Span<float>(vectors + ScaleAt, Lanes).Fill(scale);
                new Span<float>(vectors + SumAt, Lanes).Fill(scale * (left + right));
                new Span<int>(vectors + ExcessAt, Lanes / 2).Fill(Excess * left);
                new Span<int>(vectors + ExcessAt + VectorBytes / 2, Lanes / 2).Fill(Excess * right);
            }
        }
    }
}
