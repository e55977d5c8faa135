namespace Tessera.Compute.Kernels.Products;

/// <summary>
/// Rows of x as weights of eight bits are multiplied with them one by one: of each row its bytes, then what belongs to its blocks of 32:
/// the scales, and what is to be taken away where the weight's elements count from -128.
/// </summary>
/// <param name="memory">Room of <see cref="Length"/> bytes for each row.</param>
/// <param name="depth">Elements of a row, a multiple of 32.</param>
internal readonly unsafe struct QuantizedRows(byte* memory, int depth)
{
    // Of an eighth of a block, whose sum is spread over eight lanes.
    private const int LaneOffset = -128 / 8;

    /// <summary>Bytes of a row.</summary>
    public static int Length(int depth) => depth + depth / RowQuantizing.Depth * (sizeof(float) + sizeof(int));

    /// <summary>A row's elements.</summary>
    public byte* Bytes(int row) => memory + (long)row * Length(depth);

    /// <summary>The scale of each block.</summary>
    public float* Scales(int row) => (float*)(Bytes(row) + depth);

    /// <summary>What each of eight lanes has too much of each block if the weight's elements count from -128.</summary>
    public int* Excess(int row) => (int*)(Scales(row) + depth / RowQuantizing.Depth);

    /// <summary>Quantizes a row.</summary>
    public void Fill(int row, float* values)
    {
        byte* bytes = Bytes(row);
        float* scales = Scales(row);
        int* excess = Excess(row);
        for (int block = 0; block < depth / RowQuantizing.Depth; block++)
        {
            (float scale, int first, int last) = RowQuantizing.ToBytes(
                values + block * RowQuantizing.Depth,
                bytes + block * RowQuantizing.Depth
            );
            scales[block] = scale;
            excess[block] = LaneOffset * (first + last);
        }
    }
}
