using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.MiniCpmV;

/// <summary>
/// Which learned position each patch of a slice takes: the slice is stretched over the table, and fractions fall into its cells as torch
/// rounds them on a CPU in float32. Source: huggingface/transformers v4.40, models/idefics2/modeling_idefics2.py,
/// Idefics2VisionEmbeddings; openbmb/MiniCPM-V-2_6, modeling_navit_siglip.py. Checked against torch.bucketize of torch.arange for all
/// lengths to 1299 (tests/goldens/minicpm-v/buckets.py).
/// </summary>
internal static class MiniCpmVPositions
{
    // torch.arange works in vectors of eight, two at a time, and one by one at the end (ATen/native/cpu/RangeFactoriesKernel.cpp).
    private const int Lanes = 8;
    private const string Table = "v.position_embd.weight";
    private const int MaxSide = 256;

    /// <summary>The tower with its table of positions, and the side of that square table.</summary>
    /// <exception cref="ModelFileException">A key or the table is missing, or cannot be.</exception>
    public static (VisionTransformerConfig Tower, int Side) ReadTower(GgufFile file)
    {
        int side = ReadSide(file);
        VisionTransformerConfig tower = VisionTransformerConfig.Read(file);
        return tower.HasClassToken
            ? throw new ModelFileException(file.Path, "tensor 'v.class_embd' is there, but MiniCPM-V's tower has no class token.")
            : (tower with { PositionCount = side * side }, side);
    }

    /// <summary>A row of the table for each patch, by its row and column in the slice: [columns * rows].</summary>
    public static int[] ByRowAndColumn(int columns, int rows, int side)
    {
        int[] across = Cells(columns, side),
            down = Cells(rows, side);
        return [.. down.SelectMany(row => across.Select(column => row * side + column))];
    }

    /// <summary>
    /// A row of the table for each patch, as if the slice were one row of patches: what 2.5's released code does with each picture's
    /// patches end to end. There the longest slice of a batch sets the length, and its padding is attended to; here each slice stands
    /// alone, as in vllm-project/vllm, model_executor/models/minicpmv.py.
    /// </summary>
    public static int[] AsOneRow(int patchCount, int side) => Cells(patchCount, side);

    /// <summary>The cell of each of a number of equal steps over a side of the table.</summary>
    public static int[] Cells(int count, int side)
    {
        var boundaries = new float[side - 1];
        for (int index = 0; index < boundaries.Length; index++)
            boundaries[index] = (float)(1.0 / side + index * (1.0 / side));
        double step = 1f / count;
        int inVectors = count - count % (2 * Lanes);
        var cells = new int[count];
        for (int index = 0, cell = 0; index < count; index++)
        {
            float fraction =
                index < inVectors ? (float)((float)(index / Lanes * Lanes * step) + index % Lanes * step) : (float)(index * step);
            while (cell < boundaries.Length && boundaries[cell] <= fraction)
                cell++;
            cells[index] = cell;
        }

        return cells;
    }

    private static int ReadSide(GgufFile file)
    {
        if (!file.TryGetTensor(Table, out GgufTensor? table))
            throw new ModelFileException(file.Path, $"tensor '{Table}' is missing.");
        long count = table.ElementCount / Math.Max(1, table.Shape[0]);
        int side = (int)Math.Sqrt(count);
        return side is > 0 and <= MaxSide && (long)side * side == count
            ? side
            : throw new ModelFileException(
                file.Path,
                $"tensor '{Table}' holds {count} positions, which is no square of up to {MaxSide} x {MaxSide}."
            );
    }
}
