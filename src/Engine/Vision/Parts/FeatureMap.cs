namespace Tessera.Vision.Parts;

/// <summary>Embeddings laid out as a picture: [width, columns, rows], a cell for each patch.</summary>
internal sealed class FeatureMap(int columns, int rows, int width, float[] values)
{
    public int Columns => columns;

    public int Rows => rows;

    /// <summary>The embeddings of one row: [width, columns].</summary>
    public ReadOnlySpan<float> Row(int row) => values.AsSpan(row * columns * width, columns * width);

    /// <summary>All embeddings: [width, columns, rows].</summary>
    public float[] Values => values;

    /// <summary>Lays tiles [width, side * side] of a grid out as one map.</summary>
    /// <param name="tiles">The tiles, row by row.</param>
    /// <param name="gridColumns">Columns of the grid.</param>
    /// <param name="side">Patches along a side of a tile.</param>
    /// <param name="width">Width of an embedding.</param>
    public static FeatureMap FromTiles(IReadOnlyList<float[]> tiles, int gridColumns, int side, int width)
    {
        int columns = gridColumns * side,
            rows = tiles.Count / gridColumns * side;
        var values = new float[(long)columns * rows * width];
        for (int index = 0; index < tiles.Count; index++)
        {
            int left = index % gridColumns * side,
                top = index / gridColumns * side;
            for (int row = 0; row < side; row++)
                tiles[index].AsSpan(row * side * width, side * width).CopyTo(values.AsSpan(((top + row) * columns + left) * width));
        }

        return new FeatureMap(columns, rows, width, values);
    }

    /// <summary>A window of cells.</summary>
    public FeatureMap Crop(CellWindow window)
    {
        if (window.Columns == columns && window.Rows == rows)
            return this;
        var cropped = new float[(long)window.Columns * window.Rows * width];
        for (int row = 0; row < window.Rows; row++)
            values
                .AsSpan(((window.Top + row) * columns + window.Left) * width, window.Columns * width)
                .CopyTo(cropped.AsSpan(row * window.Columns * width));
        return new FeatureMap(window.Columns, window.Rows, width, cropped);
    }

    /// <summary>
    /// Bilinear resize without antialiasing, align_corners off, in float32 (pytorch/pytorch v2.14: aten/src/ATen/native/UpSample.h,
    /// area_pixel_compute_source_index; native/cpu/UpSampleKernel.cpp).
    /// </summary>
    public FeatureMap ResizeBilinear(int newColumns, int newRows)
    {
        if (newColumns == columns && newRows == rows)
            return this;
        var resized = new float[(long)newColumns * newRows * width];
        BilinearTap[] across = Taps(columns, newColumns),
            down = Taps(rows, newRows);
        Parallel.For(
            0,
            newRows,
            row =>
            {
                for (int column = 0; column < newColumns; column++)
                    Blend(across[column], down[row], resized.AsSpan((row * newColumns + column) * width, width));
            }
        );
        return new FeatureMap(newColumns, newRows, width, resized);
    }

    /// <summary>The mean of each window of cells; what no whole window covers is dropped (torch's avg_pool2d).</summary>
    public FeatureMap PoolAverage(int stride)
    {
        FeatureMap sums = Pool(stride, static (sum, value) => sum + value);
        foreach (ref float sum in sums.Values.AsSpan())
            sum /= stride * stride;
        return sums;
    }

    /// <summary>The largest of each window of cells (torch's max_pool2d).</summary>
    public FeatureMap PoolMax(int stride) => Pool(stride, Math.Max);

    // The first cell of a window, and the others put to it.
    private FeatureMap Pool(int stride, Func<float, float, float> combine)
    {
        int newColumns = columns / stride,
            newRows = rows / stride;
        var pooled = new float[(long)newColumns * newRows * width];
        for (int cell = 0; cell < newColumns * newRows; cell++)
        {
            Span<float> target = pooled.AsSpan(cell * width, width);
            (int left, int top) = (cell % newColumns * stride, cell / newColumns * stride);
            Cell(left, top).CopyTo(target);
            for (int other = 1; other < stride * stride; other++)
            {
                ReadOnlySpan<float> next = Cell(left + other % stride, top + other / stride);
                for (int index = 0; index < target.Length; index++)
                    target[index] = combine(target[index], next[index]);
            }
        }

        return new FeatureMap(newColumns, newRows, width, pooled);
    }

    /// <summary>
    /// A window of the map brought to another size, each new cell the mean of the cells under it, whether that makes more of them or fewer
    /// (pytorch/pytorch v2.14: F.interpolate's "area"; aten/src/ATen/native/AdaptivePooling.h, start_index and end_index).
    /// </summary>
    public FeatureMap Average(int newColumns, int newRows, CellWindow window)
    {
        if (newColumns == columns && newRows == rows)
            return Crop(window);
        var averaged = new float[(long)window.Columns * window.Rows * width];
        Parallel.For(
            0,
            window.Rows,
            row =>
            {
                (int top, int bottom) = Under(window.Top + row, rows, newRows);
                for (int column = 0; column < window.Columns; column++)
                {
                    (int left, int right) = Under(window.Left + column, columns, newColumns);
                    var cells = new CellWindow(left, top, right - left, bottom - top);
                    Mean(cells, averaged.AsSpan((row * window.Columns + column) * width, width));
                }
            }
        );
        return new FeatureMap(window.Columns, window.Rows, width, averaged);
    }

    private void Mean(CellWindow cells, Span<float> target)
    {
        for (int row = cells.Top; row < cells.Top + cells.Rows; row++)
        {
            for (int column = cells.Left; column < cells.Left + cells.Columns; column++)
            {
                ReadOnlySpan<float> cell = Cell(column, row);
                for (int index = 0; index < target.Length; index++)
                    target[index] += cell[index];
            }
        }

        float count = cells.Columns * cells.Rows;
        for (int index = 0; index < target.Length; index++)
            target[index] /= count;
    }

    private static (int First, int End) Under(int index, int inputs, int outputs) =>
        (index * inputs / outputs, ((index + 1) * inputs + outputs - 1) / outputs);

    private void Blend(BilinearTap x, BilinearTap y, Span<float> target)
    {
        ReadOnlySpan<float> a = Cell(x.First, y.First),
            b = Cell(x.Second, y.First),
            c = Cell(x.First, y.Second),
            d = Cell(x.Second, y.Second);
        float left = 1 - x.Weight,
            top = 1 - y.Weight;
        for (int index = 0; index < target.Length; index++)
            target[index] = top * (left * a[index] + x.Weight * b[index]) + y.Weight * (left * c[index] + x.Weight * d[index]);
    }

    private ReadOnlySpan<float> Cell(int column, int row) => values.AsSpan((row * columns + column) * width, width);

    private static BilinearTap[] Taps(int inputs, int outputs)
    {
        float scale = (float)inputs / outputs;
        var taps = new BilinearTap[outputs];
        for (int index = 0; index < outputs; index++)
        {
            float source = Math.Max(0, scale * (index + 0.5f) - 0.5f);
            int first = Math.Min((int)source, inputs - 1);
            taps[index] = new BilinearTap(first, Math.Min(first + 1, inputs - 1), source - first);
        }

        return taps;
    }

    private readonly record struct BilinearTap(int First, int Second, float Weight);
}

/// <summary>A window of a feature map, in cells.</summary>
internal readonly record struct CellWindow(int Left, int Top, int Columns, int Rows);
