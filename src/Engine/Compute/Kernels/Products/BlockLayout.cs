using static Tessera.Compute.Kernels.Products.ProductCall;

namespace Tessera.Compute.Kernels.Products;

/// <summary>
/// How blocks of 32 quantized elements lie. Of 12 rows: their cells, then one number each of what <see cref="ScaleOfRows"/> and its
/// neighbours name. Of 16 columns, for each group of the block: their cells, their scales, and where a type has them their least values.
/// </summary>
/// <param name="GroupCount">Groups of a block that have scales of their own: 1 or 2.</param>
/// <param name="HasLeast">Whether elements are scale * cell + least; then cells count from 0, else from <see cref="Zero"/>.</param>
/// <param name="IsWords">Whether cells are two words, else four bytes, those of the columns unsigned.</param>
/// <param name="Bits">Bits of the columns' elements that may be set.</param>
/// <param name="HasPowers">Whether the rows' scales are powers of two: products are then counted in the last bits of <see cref="Origin"/>
/// scales, which only has to be taken away from them.</param>
internal sealed record BlockLayout(int GroupCount, bool HasLeast, bool IsWords = false, int Bits = 8, bool HasPowers = false)
{
    /// <summary>Of bytes, a scale for each block.</summary>
    public static readonly BlockLayout Symmetric = new(GroupCount: 1, HasLeast: false);

    /// <summary>Of bytes, a scale for each half of a block.</summary>
    public static readonly BlockLayout Halved = new(GroupCount: 2, HasLeast: false);

    /// <summary>Of bytes, a scale and a least value for each block.</summary>
    public static readonly BlockLayout Least = new(GroupCount: 1, HasLeast: true);

    /// <summary>A float whose last bit counts one, in the middle of those of its exponent. Of scales beyond 2 to the power 103 it would be
    /// infinite, and spoil their row.</summary>
    public const float Origin = 1.5f * (1 << 23);

    private const int Depth = 32,
        VectorColumns = 16;

    /// <summary>As the kernels of AVX-512 take it: with weights of eight bits, x is worth all of its own.</summary>
    public BlockLayout Wide => this == Symmetric ? this : this with { HasPowers = true };

    /// <summary>What stands for zero where there is no least value.</summary>
    public int Zero => 1 << (Bits - 1);

    /// <summary>Cells whose products, added in pairs as words, cannot overflow: rows' bytes are at most 127.</summary>
    public int CellsInWords => short.MaxValue / (2 * sbyte.MaxValue * ((1 << Bits) - 1));

    /// <summary>By how much <see cref="ExcessOfRows"/> is shifted to the right for elements that count from less than 128.</summary>
    public int ExcessShift => 8 - Bits;

    /// <summary>Cells of a block.</summary>
    public int CellCount => Depth / (IsWords ? 2 : 4);

    /// <summary>Cells of a group.</summary>
    public int GroupCells => CellCount / GroupCount;

    /// <summary>Bytes of a cell of all rows.</summary>
    public static int RowsCell => RowCount * CellBytes;

    /// <summary>Bytes of a cell of 16 columns.</summary>
    public static int ColumnsCell => VectorColumns * CellBytes;

    /// <summary>The rows' scales; <see cref="Origin"/> times as much where they are powers of two.</summary>
    public int ScaleOfRows => CellCount * RowsCell;

    /// <summary>The rows' sums of elements, as they are before quantization: what a column's least value is multiplied with.</summary>
    public int SumOfRows => ScaleOfRows + RowsCell;

    /// <summary>-128 times the sum of a row's bytes: what is too much where the columns' count from 128; of the block, and of its
    /// halves. Where scales are powers of two, added to the bits of <see cref="Origin"/> scales.</summary>
    public int ExcessOfRows(int group) => SumOfRows + (GroupCount == 1 ? 1 : 2 + group) * RowsCell;

    /// <summary>Bytes of a block of the rows.</summary>
    public int RowsBytes => (CellCount + (IsWords ? 2 : 5)) * RowsCell;

    /// <summary>Bytes of a group of the columns.</summary>
    public int GroupBytes => (GroupCells + (HasLeast ? 2 : 1)) * ColumnsCell;

    /// <summary>Bytes of a block of the columns.</summary>
    public int ColumnsBytes => GroupCount * GroupBytes;
}
