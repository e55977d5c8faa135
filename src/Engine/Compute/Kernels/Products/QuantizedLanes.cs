using static Tessera.Compute.Kernels.Products.LanesCall;

namespace Tessera.Compute.Kernels.Products;

/// <summary>Rows of x in groups of eight, one in each lane, rounded to bytes in blocks of 32 as <see cref="LanesCall"/> has
/// them.</summary>
/// <param name="memory">Room of <see cref="Length"/> bytes.</param>
/// <param name="depth">Elements of a row, a multiple of 32.</param>
internal readonly unsafe struct QuantizedLanes(byte* memory, int depth)
{
    private const int Offset = -128;

    /// <summary>Bytes of some rows.</summary>
    public static long Length(int depth, int rowCount) => GroupCount(rowCount) * GroupBytes(depth);

    /// <summary>Groups of some rows.</summary>
    public static int GroupCount(int rowCount) => (rowCount + Lanes - 1) / Lanes;

    /// <summary>A group's blocks.</summary>
    public byte* Group(int group) => memory + group * GroupBytes(depth);

    /// <summary>Quantizes rows; lanes without one become zero.</summary>
    public void Fill(float* rows, int rowCount)
    {
        new Span<byte>(memory, checked((int)Length(depth, rowCount))).Clear();
        uint* quads = stackalloc uint[QuadCount];
        for (int row = 0; row < rowCount; row++)
        {
            byte* target = Group(row / Lanes) + row % Lanes * sizeof(float);
            for (int first = 0; first < depth; first += RowQuantizing.Depth, target += BlockBytes)
            {
                (float scale, int left, int right) = RowQuantizing.ToBytes(rows + (long)row * depth + first, (byte*)quads);
                for (int quad = 0; quad < QuadCount; quad++)
                    *(uint*)(target + quad * VectorBytes) = quads[quad];
                *(int*)(target + ExcessAt) = Offset * (left + right);
                *(float*)(target + ScaleAt) = scale;
                *(float*)(target + SumAt) = scale * (left + right);
            }
        }
    }

    private static long GroupBytes(int depth) => (long)(depth / RowQuantizing.Depth) * BlockBytes;
}
