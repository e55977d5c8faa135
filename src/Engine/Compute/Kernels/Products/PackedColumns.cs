using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Tessera.Gguf;
using Tessera.Native;

namespace Tessera.Compute.Kernels.Products;

/// <summary>A stretch of 32 columns of a product in the form that its kernel reads: the weight's rows for them, unpacked.</summary>
/// <param name="product">The product.</param>
/// <param name="form">The form.</param>
internal readonly unsafe struct PackedColumns(MatrixProduct product, ProductForm form)
{
    private const int Group = CellTransposing.Block,
        SideColumns = 16;
    private readonly ggml_type type = product.Weight->type;
    private readonly bool isInterleaved = InterleavedWeights.Holds(product.Weight);

    /// <summary>Packs a stretch.</summary>
    /// <param name="firstColumn">The first of 32 columns; those that are not there become zero.</param>
    /// <param name="firstElement">Where the stretch begins.</param>
    /// <param name="length">Its elements.</param>
    /// <param name="target">Gets its steps.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    public void Pack(int firstColumn, int firstElement, int length, byte* target)
    {
        for (int group = 0; group < ProductCall.ColumnCount; group += Group)
        {
            int count = Math.Clamp(product.ColumnCount - firstColumn - group, 0, Group);
            ggml_type_traits* traits = Ggml.ggml_get_type_traits(type);
            byte* source =
                product.Weight->data
                + (ulong)(firstColumn + group) * product.Weight->nb[1]
                + (ulong)firstElement / (ulong)traits->blck_size * traits->type_size;
            if (form.Layout is { } layout)
                PackBlocks(
                    source,
                    count,
                    (firstElement / RowQuantizing.Depth, length / RowQuantizing.Depth),
                    layout,
                    (firstColumn, group),
                    target
                );
            else
                PackCells(source, count, length, (int)((ulong)length / (ulong)traits->blck_size * traits->type_size), group, target);
        }
    }

    [SkipLocalsInit]
    private void PackCells(byte* source, int count, int length, int byteLength, int group, byte* target)
    {
        int steps = form.StepCount(length),
            room = (steps + Group - 1) / Group * Group;
        uint* cells = stackalloc uint[Group * room];
        new Span<uint>(cells, Group * room).Clear();
        float* values = stackalloc float[length];
        for (int column = 0; column < count; column++, source += product.Weight->nb[1])
        {
            float* to = form.Rows == RowForm.Halves ? values : (float*)(cells + column * room);
            ElementConversion.ToFloat((GgufTensorType)(int)type, new ReadOnlySpan<byte>(source, byteLength), new Span<float>(to, length));
            if (form.Rows == RowForm.Halves)
                HalfRounding.Pairs(values, length, cells + column * room);
        }

        const int Step = ProductCall.ColumnCount;
        uint* side = (uint*)target + group;
        for (int cell = 0; cell < room; cell += Group)
            CellTransposing.Eight(cells + cell, room, side + cell * Step, side + (cell + Group / 2) * Step, Step);
    }

    [SkipLocalsInit]
    private void PackBlocks(
        byte* source,
        int count,
        (int First, int Count) blocks,
        BlockLayout layout,
        (int First, int Group) columns,
        byte* target
    )
    {
        (int firstBlock, int steps) = blocks;
        (int firstColumn, int group) = columns;
        byte* side = target + group / SideColumns * steps * layout.ColumnsBytes + group % SideColumns * ProductCall.CellBytes;
        if (isInterleaved && count > 0 && type == ggml_type.GGML_TYPE_Q4_K)
        {
            InterleavedWeights.UnpackSuper(product.Weight, firstColumn + group, firstBlock, steps, side, BlockLayout.ColumnsCell);
            return;
        }

        int cellCount = layout.CellCount,
            byteStride = steps * RowQuantizing.Depth,
            groups = steps * layout.GroupCount;
        byte* bytes = stackalloc byte[Group * byteStride];
        float* scales = stackalloc float[Group * groups],
            least = stackalloc float[Group * groups];
        if (count < Group)
        {
            new Span<byte>(bytes, Group * byteStride).Clear();
            new Span<float>(scales, Group * groups).Clear();
            new Span<float>(least, Group * groups).Clear();
        }

        if (isInterleaved && count > 0)
            InterleavedWeights.Unpack(product.Weight, firstColumn + group, firstBlock, steps, bytes, byteStride, scales);
        for (int column = 0; column < count && !isInterleaved; column++, source += product.Weight->nb[1])
            QuantizedBlocks.Unpack(type, source, steps, bytes + column * byteStride, scales + column, least + column);

        if (!layout.HasLeast && !layout.IsWords && layout.Bits < 8)
            CountFrom(layout.Zero, bytes, Group * byteStride);
        uint* words = stackalloc uint[layout.IsWords ? Group * cellCount : 0];
        int groupBytes = layout.GroupBytes,
            scalesAt = layout.GroupCells * BlockLayout.ColumnsCell,
            second = (int)(Second(side, layout) - side);
        bool isWords = layout.IsWords,
            hasLeast = layout.HasLeast;
        for (int part = 0; part < groups; part++, scales += Group, least += Group)
        {
            var to = (float*)(side + part * groupBytes + scalesAt);
            Vector256.Load(scales).Store(to);
            if (hasLeast)
                Vector256.Load(least).Store(to + SideColumns);
        }

        for (int step = 0; step < steps; step++, bytes += RowQuantizing.Depth, side += layout.GroupCount * groupBytes)
        {
            if (isWords)
                StoreWords(bytes, byteStride, layout, words, side);
            else
                CellTransposing.Eight((uint*)bytes, byteStride / 4, (uint*)side, (uint*)(side + second), SideColumns);
        }
    }

    // Elements that count from 128 -> from less.
    private static void CountFrom(int zero, byte* bytes, int count)
    {
        Vector256<byte> less = Vector256.Create((byte)(128 - zero));
        for (int index = 0; index < count; index += Vector256<byte>.Count)
            (Vector256.Load(bytes + index) - less).Store(bytes + index);
    }

    // Where the later half of a block's cells goes.
    private static byte* Second(byte* first, BlockLayout layout) =>
        first + (layout.GroupCount == 2 ? layout.GroupBytes : layout.CellCount / 2 * BlockLayout.ColumnsCell);

    private static void StoreWords(byte* bytes, int stride, BlockLayout layout, uint* words, byte* first)
    {
        Vector256<short> offset = Vector256.Create((short)(layout.HasLeast ? 0 : 128));
        int cellCount = layout.CellCount;
        for (int column = 0; column < Group; column++)
        {
            for (int half = 0; half < 2; half++)
                (Avx2.ConvertToVector256Int16(bytes + column * stride + half * 16) - offset).Store(
                    (short*)(words + column * cellCount + half * Group)
                );
        }

        const int Later = Group / 2 * SideColumns;
        CellTransposing.Eight(words, cellCount, (uint*)first, (uint*)first + Later, SideColumns);
        var second = (uint*)Second(first, layout);
        CellTransposing.Eight(words + Group, cellCount, second, second + Later, SideColumns);
    }
}
