using System.Runtime.CompilerServices;
using Tessera.Compute.Kernels.Code;
using Tessera.Native;

namespace Tessera.Compute.Kernels.Products;

/// <summary>
/// Products of so few rows that unpacking the weight would not pay: x is rounded to bytes in blocks of 32, and each thread multiplies some
/// columns with it as they lie, row by row or eight rows at once. One operation at a time.
/// </summary>
internal sealed unsafe class FewRowsKernel : IDisposable
{
    /// <summary>What people read of it.</summary>
    public static readonly string Name = $"products of few rows: {VectorCode.Name}";

    // Of x: more rows are sooner done by unpacking.
    private const int MostRows = 4;

    // Of those, and of more, from where they are sooner done eight at once.
    private const int LeastRowsOfLanes = 3,
        MostRowsOfLanes = 16;

    // Of the weight, for a thread at a time.
    private const long ChunkBytes = 1 << 17;
    private readonly ScratchMemory memory = new(),
        scales = new();
    private (nint Tensor, nint Data, int Depth, int Rows, Packing Packing) packed;

    // How x lies in memory: row by row, eight rows side by side, or as columns in blocks of 256 want it.
    private enum Packing
    {
        Rows,
        Lanes,
        SuperBlocks,
    }

    /// <summary>Whether it computes products of a single row with a type's weights as libllama has them.</summary>
    public static bool TakesType(ggml_type type) =>
        type switch
        {
            ggml_type.GGML_TYPE_Q8_0 => true,
            ggml_type.GGML_TYPE_Q4_K => SuperBlockKernels.Has(type) && InterleavedWeights.CanUnpack(type),
            _ => SuperBlockKernels.Has(type),
        };

    /// <summary>Whether it computes a product.</summary>
    public static bool Takes(MatrixProduct product)
    {
        if (product.IsExact || KernelLevels.Allowed < KernelLevel.Avx2 || !ProcessorLevel.HasAvx2)
            return false;
        ggml_tensor* weight = product.Weight;
        return weight->type switch
        {
            ggml_type.GGML_TYPE_Q8_0 => product.RowCount <= (HasLanes(product) ? MostRowsOfLanes : MostRows) && IsPlain(product),
            ggml_type.GGML_TYPE_Q4_K => product.RowCount <= MostRowsOfLanes
                && (product.RowCount < LeastRowsOfLanes ? SuperBlockKernels.Has(weight->type) : HasLanes(product))
                && InterleavedWeights.Holds(weight)
                && InterleavedWeights.CanUnpack(weight->type)
                && product.ColumnCount % InterleavedWeights.Columns == 0,
            ggml_type.GGML_TYPE_Q6_K => product.RowCount <= MostRowsOfLanes && SuperBlockKernels.Has(weight->type) && IsPlain(product),
            _ => false,
        };
    }

    /// <summary>Whether ggml's kernel for a product is as fast but for the threads of both that wait for each other, as it is with those of
    /// one row that read no more than memory gives.</summary>
    public static bool LosesToWaiting(MatrixProduct product) =>
        product.Weight->type != ggml_type.GGML_TYPE_Q8_0 && !(product.RowCount >= LeastRowsOfLanes && HasLanes(product));

    /// <summary>Forgets which x is packed: a new graph may have another one in its place.</summary>
    public void Begin() => packed = default;

    /// <summary>Computes an operation that it <see cref="Takes"/>.</summary>
    /// <exception cref="OutOfMemoryException">There is not enough memory.</exception>
    public void Compute(MatrixProduct product, int threadCount)
    {
        if (product.RowCount >= LeastRowsOfLanes && HasLanes(product))
            ComputeLanes(product, threadCount);
        else if (product.Weight->type == ggml_type.GGML_TYPE_Q8_0)
            ComputeRows(product, threadCount);
        else
            ComputeSuperBlocks(product, threadCount);
    }

    public void Dispose()
    {
        memory.Dispose();
        scales.Dispose();
    }

    private static bool HasLanes(MatrixProduct product) =>
        product.Weight->type switch
        {
            ggml_type.GGML_TYPE_Q8_0 => LaneKernels.Q8 != null && product.ColumnCount >= LanesCall.ColumnsOfQ8,
            ggml_type.GGML_TYPE_Q4_K => LaneKernels.Q4K != null,
            _ => false,
        };

    private void ComputeLanes(MatrixProduct product, int threadCount)
    {
        byte* room = memory.Reserve(QuantizedLanes.Length(product.Depth, product.RowCount));
        var x = new QuantizedLanes(room, product.Depth);
        if (!IsPacked(product, Packing.Lanes))
            x.Fill((float*)product.X->data, product.RowCount);
        var columns = new LaneColumns(product, x);
        int groups = columns.GroupCount,
            chunk = (int)Math.Clamp(ChunkBytes / columns.GroupBytes, 1, Math.Max(1, groups / threadCount));
        long scalesEach = columns.ScaleCount;
        float* rooms = (float*)scales.Reserve(threadCount * scalesEach * sizeof(float));
        WorkSharing.Share(
            threadCount,
            (groups + chunk - 1) / chunk,
            (worker, unit) =>
            {
                for (int group = unit * chunk; group < Math.Min(groups, (unit + 1) * chunk); group++)
                    columns.Compute(group, rooms + worker * scalesEach);
            }
        );
    }

    private void ComputeRows(MatrixProduct product, int threadCount)
    {
        var x = new QuantizedRows(memory.Reserve((long)product.RowCount * QuantizedRows.Length(product.Depth)), product.Depth);
        bool isPacked = IsPacked(product, Packing.Rows);
        for (int row = 0; !isPacked && row < product.RowCount; row++)
            x.Fill(row, (float*)product.X->data + (long)row * product.Depth);
        EachColumn(product, 1, threadCount, (row, first, last) => Multiply(product, x, row, first, last));
    }

    private void ComputeSuperBlocks(MatrixProduct product, int threadCount)
    {
        var x = new SuperBlockRows(memory.Reserve(product.RowCount * SuperBlockRows.Length(product.Depth)), product.Depth);
        bool isPacked = IsPacked(product, Packing.SuperBlocks);
        for (int row = 0; !isPacked && row < product.RowCount; row++)
            x.Fill(row, (float*)product.X->data + (long)row * product.Depth);
        EachColumn(
            product,
            SuperBlockKernels.ColumnsAtOnce(product.Weight->type),
            threadCount,
            (row, first, last) =>
                SuperBlockKernels.Multiply(
                    product.Weight,
                    first,
                    last - first,
                    x.Row(row),
                    (float*)product.Result->data + (long)row * product.ColumnCount + first
                )
        );
    }

    // Some columns, which stay in the caches, with all rows.
    private static void EachColumn(MatrixProduct product, int together, int threadCount, Action<int, int, int> multiply)
    {
        int groups = product.ColumnCount / together,
            chunk = (int)Math.Clamp(ChunkBytes / ((long)product.Weight->nb[1] * together), 1, Math.Max(1, groups / threadCount));
        WorkSharing.Share(
            threadCount,
            (groups + chunk - 1) / chunk,
            (_, unit) =>
            {
                for (int row = 0; row < product.RowCount; row++)
                    multiply(row, unit * chunk * together, Math.Min(groups, (unit + 1) * chunk) * together);
            }
        );
    }

    // Whether x is in the memory already; else it is now thought to be.
    private bool IsPacked(MatrixProduct product, Packing packing)
    {
        // Another view of the same is the same.
        ggml_tensor* whole = product.X->view_src == null ? product.X : product.X->view_src;
        (nint, nint, int, int, Packing) wanted = ((nint)whole, (nint)product.X->data, product.Depth, product.RowCount, packing);
        bool isPacked = packed == wanted;
        packed = wanted;
        return isPacked;
    }

    private static bool IsPlain(MatrixProduct product) => !product.IsRepacked && !InterleavedWeights.Holds(product.Weight);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply(MatrixProduct product, QuantizedRows x, int row, int first, int last)
    {
        float* result = (float*)product.Result->data + (long)row * product.ColumnCount;
        int blocks = product.Depth / RowQuantizing.Depth;
        ulong stride = product.Weight->nb[1];
        byte* columns = product.Weight->data + (ulong)first * stride;
        if (ColumnKernels.HasQ8)
        {
            ColumnKernels.OfQ8(columns, (nint)stride, last - first, blocks, x, row, result + first);
            return;
        }

        for (int column = first; column < last; column++, columns += stride)
            result[column] = ColumnDots.OfQ8(columns, blocks, x.Bytes(row), x.Scales(row));
    }
}
