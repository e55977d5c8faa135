namespace Tessera.Compute.Kernels.Products;

/// <summary>
/// Tries a kernel on one small block before its first use: a processor or a virtual machine may have less than it says. All numbers are
/// small integers and powers of two, so that every sum is exact.
/// </summary>
internal static unsafe class ProductTrial
{
    private const int Rows = ProductCall.RowCount,
        Columns = ProductCall.ColumnCount,
        SideColumns = Columns / 2;

    /// <summary>Whether a form's kernel computes what it should.</summary>
    public static bool Passes(ProductForm form)
    {
        int steps = form.StepCount(2 * form.StepDepth);
        using var memory = new ScratchMemory();
        using var sums = new ScratchMemory();
        byte* rows = memory.Reserve(steps * (form.RowsBytes + form.ColumnsBytes)),
            columns = rows + steps * form.RowsBytes;
        float* target = (float*)sums.Reserve(Rows * Columns * sizeof(float));
        Fill(form.Rows, rows, steps * form.RowsBytes, bits: 8, seed: 1);
        Fill(form.Rows, columns, steps * form.ColumnsBytes, form.Layout?.Bits ?? 8, seed: 2);
        if (form.Layout is { } layout)
            SetScales(layout, rows, columns, steps);
        for (int index = 0; index < Rows * Columns; index++)
            target[index] = index;
        var call = new ProductCall
        {
            Rows = rows,
            Columns = columns,
            Sums = target,
            SumStride = Columns * sizeof(float),
            Steps = steps,
            AddsToSums = 1,
        };
        ProductForms.Entry(form.Kernel)(&call);
        for (int index = 0; index < Rows * Columns; index++)
        {
            (int row, int column) = (index / Columns, index % Columns);
            float expected = form.Layout is { } blocks
                ? OfBlocks(blocks, rows, columns, (row, column), steps)
                : OfCells(form.Rows, rows, columns, (row, column), steps);
            if (target[index] != index + expected)
                return false;
        }

        return true;
    }

    private static void Fill(RowForm form, byte* cells, int length, int bits, int seed)
    {
        uint mask = 0x01010101u * ((1u << bits) - 1);
        var random = new Random(seed);
        for (int index = 0; index < length; index += ProductCall.CellBytes)
        {
            byte* cell = cells + index;
            int a = random.Next(-4, 5),
                b = random.Next(-4, 5);
            switch (form)
            {
                case RowForm.Floats:
                    *(float*)cell = a;
                    break;
                case RowForm.Halves:
                    *(uint*)cell = BitConverter.SingleToUInt32Bits(a) >> 16 | BitConverter.SingleToUInt32Bits(b) & 0xffff0000;
                    break;
                case RowForm.Words:
                    (((short*)cell)[0], ((short*)cell)[1]) = ((short)(100 * a), (short)b);
                    break;
                default:
                    (((sbyte*)cell)[0], ((sbyte*)cell)[1]) = ((sbyte)(20 * a), (sbyte)b);
                    (((sbyte*)cell)[2], ((sbyte*)cell)[3]) = ((sbyte)-a, (sbyte)(30 * b));
                    *(uint*)cell &= mask;
                    break;
            }
        }
    }

    // Powers of two for scales, small integers for what is added.
    private static void SetScales(BlockLayout layout, byte* rows, byte* columns, int steps)
    {
        for (int step = 0; step < steps; step++)
        {
            byte* block = rows + step * layout.RowsBytes;
            for (int row = 0; row < Rows; row++)
            {
                float scale = (row % 2 == 0 ? 1 : 0.5f) * (layout.HasPowers ? BlockLayout.Origin : 1);
                ((float*)(block + layout.ScaleOfRows))[row] = scale;
                ((float*)(block + layout.SumOfRows))[row] = row - 5;
                for (int group = 0; group < layout.GroupCount && !layout.IsWords; group++)
                    ((int*)(block + layout.ExcessOfRows(group)))[row] = -128 * (row + group) + BitsOfOrigin(layout, scale);
            }

            for (int group = 0; group < 2 * layout.GroupCount; group++)
            {
                byte* scales =
                    columns + (step * 2 * layout.GroupCount + group) * layout.GroupBytes + layout.GroupCells * BlockLayout.ColumnsCell;
                for (int column = 0; column < SideColumns; column++)
                {
                    ((float*)scales)[column] = column % 3 == 0 ? 2 : 0.25f;
                    if (layout.HasLeast)
                        ((float*)(scales + BlockLayout.ColumnsCell))[column] = column - 7;
                }
            }
        }
    }

    // What integers are counted from.
    private static int BitsOfOrigin(BlockLayout layout, float scale) => layout.HasPowers ? BitConverter.SingleToInt32Bits(scale) : 0;

    private static float OfCells(RowForm form, byte* rows, byte* columns, (int Row, int Column) at, int steps)
    {
        float sum = 0;
        for (int step = 0; step < steps; step++)
        {
            uint a = ((uint*)rows)[step * Rows + at.Row],
                b = ((uint*)columns)[step * Columns + at.Column];
            sum +=
                form == RowForm.Floats
                    ? BitConverter.UInt32BitsToSingle(a) * BitConverter.UInt32BitsToSingle(b)
                    : BitConverter.UInt32BitsToSingle(a << 16) * BitConverter.UInt32BitsToSingle(b << 16)
                        + BitConverter.UInt32BitsToSingle(a & 0xffff0000) * BitConverter.UInt32BitsToSingle(b & 0xffff0000);
        }

        return sum;
    }

    private static float OfBlocks(BlockLayout layout, byte* rows, byte* columns, (int Row, int Column) at, int steps)
    {
        float sum = 0;
        byte* side = columns + at.Column / SideColumns * steps * layout.ColumnsBytes;
        int column = at.Column % SideColumns;
        for (int index = 0; index < steps * layout.GroupCount; index++)
        {
            (int step, int group) = (index / layout.GroupCount, index % layout.GroupCount);
            byte* block = rows + step * layout.RowsBytes,
                from = side + step * layout.ColumnsBytes + group * layout.GroupBytes;
            float scale = ((float*)(block + layout.ScaleOfRows))[at.Row];
            int integer =
                layout.HasLeast || layout.IsWords
                    ? 0
                    : ((int*)(block + layout.ExcessOfRows(group)))[at.Row] - BitsOfOrigin(layout, scale) >> layout.ExcessShift;
            for (int cell = 0; cell < layout.GroupCells; cell++)
            {
                byte* a = block + (group * layout.GroupCells + cell) * BlockLayout.RowsCell + at.Row * ProductCall.CellBytes,
                    b = from + cell * BlockLayout.ColumnsCell + column * ProductCall.CellBytes;
                integer += layout.IsWords
                    ? ((short*)a)[0] * ((short*)b)[0] + ((short*)a)[1] * ((short*)b)[1]
                    : ((sbyte*)a)[0] * b[0] + ((sbyte*)a)[1] * b[1] + ((sbyte*)a)[2] * b[2] + ((sbyte*)a)[3] * b[3];
            }

            var scales = (float*)(from + layout.GroupCells * BlockLayout.ColumnsCell);
            sum += (layout.HasPowers ? scale / BlockLayout.Origin : scale) * scales[column] * integer;
            if (layout.HasLeast)
                sum += ((float*)(block + layout.SumOfRows))[at.Row] * scales[SideColumns + column];
        }

        return sum;
    }
}
