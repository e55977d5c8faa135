using System.Runtime.Intrinsics.X86;
using Tessera.Compute.Kernels.Products;

namespace Tessera.Compute.Kernels.Attention;

/// <summary>
/// Attention on the matrix unit, or on vectors where there is none: packs the keys and values of some heads, then computes their tiles of
/// queries, both on all threads. One operation at a time.
/// </summary>
internal sealed unsafe class AttentionKernel : IDisposable
{
    // What stays in the outer caches; a single head takes more where it must.
    private const long PackedLimit = 4L << 20;
    private static readonly string Vectors = Avx512F.IsSupported ? "AVX-512, float32" : "AVX2, float32",
        Name = $"attention: {Vectors}",
        FewName = $"attention of few queries: {Vectors}";
    private readonly ScratchMemory packed = new();
    private readonly ScratchMemory scratch = new();

    /// <summary>Computes an operation that <see cref="AttentionShape.IsSupported"/> accepts.</summary>
    /// <exception cref="OutOfMemoryException">There is not enough memory.</exception>
    public void Compute(AttentionShape shape, int threadCount)
    {
        if (shape.HasFewQueries && SharedKeyAttention.Takes(shape))
        {
            KernelUse.Note(FewName);
            ComputeFew(shape, threadCount);
            return;
        }

        int keyTiles = PackedKeys.TileCount(shape.TokenCount),
            queryTiles = (shape.QueryCount + AttentionTile.Rows - 1) / AttentionTile.Rows;
        bool isOnUnit = MatrixUnit.IsSupported;
        KernelUse.Note(isOnUnit ? "attention: AMX" : Name);
        long headLength = isOnUnit ? new AttentionOperands(shape).Length : PackedKeys.LengthOf(shape);
        int heads = shape.KeyHeadCount * shape.KeySliceCount,
            group = (int)Math.Clamp(PackedLimit / headLength, 1, heads);
        int scratchEach =
            ((isOnUnit ? MatrixUnitAttention.ScratchLength(shape) : VectorAttention.ScratchLength(shape)) + TileProduct.Lanes - 1)
            / TileProduct.Lanes
            * TileProduct.Lanes;
        var store = (float*)packed.Reserve(group * headLength * sizeof(float));
        var rooms = (float*)scratch.Reserve((long)threadCount * scratchEach * sizeof(float));
        var mask = new AttentionMask(shape, isOnUnit ? AttentionTile.Rows : TileProduct.RowBlock);

        for (int first = 0; first < heads; first += group)
        {
            int start = first,
                count = Math.Min(group, heads - first);
            WorkSharing.Share(
                threadCount,
                count * keyTiles,
                (_, unit) =>
                {
                    int head = start + unit / keyTiles;
                    float* target = store + unit / keyTiles * headLength;
                    if (isOnUnit)
                        new AttentionOperands(shape).Pack(target, head % shape.KeyHeadCount, head / shape.KeyHeadCount, unit % keyTiles);
                    else
                        PackedKeys.Pack(target, shape, head % shape.KeyHeadCount, head / shape.KeyHeadCount, unit % keyTiles);
                }
            );
            int users = shape.HeadsPerKey * shape.SlicesPerKey;
            WorkSharing.Share(
                threadCount,
                count * users * queryTiles,
                (worker, unit) =>
                {
                    int own = unit / (users * queryTiles),
                        user = unit / queryTiles % users,
                        head = start + own;
                    (int Slice, int Head, int Tile) place = (
                        head / shape.KeyHeadCount * shape.SlicesPerKey + user / shape.HeadsPerKey,
                        head % shape.KeyHeadCount * shape.HeadsPerKey + user % shape.HeadsPerKey,
                        unit % queryTiles
                    );
                    float* room = rooms + (long)worker * scratchEach,
                        keys = store + own * headLength;
                    if (isOnUnit)
                        new MatrixUnitAttention(shape, mask, room).Compute(keys, place);
                    else
                        new VectorAttention(shape, mask, room).Compute(keys, place);
                }
            );
        }
    }

    private void ComputeFew(AttentionShape shape, int threadCount)
    {
        var few = new SharedKeyAttention(shape);
        int scratchEach = (few.ScratchLength + TileProduct.Lanes - 1) / TileProduct.Lanes * TileProduct.Lanes;
        var queries = (float*)packed.Reserve(((long)few.QueriesLength + (long)few.UnitCount * few.UnitLength) * sizeof(float));
        float* parts = queries + few.QueriesLength;
        var rooms = (float*)scratch.Reserve((long)threadCount * scratchEach * sizeof(float));
        var mask = new AttentionMask(shape, tileQueries: 1);
        few.LoadQueries(queries);
        WorkSharing.Share(
            threadCount,
            few.UnitCount,
            (worker, unit) => few.Compute(unit, mask, queries, rooms + (long)worker * scratchEach, parts)
        );
        few.Sum(parts);
    }

    public void Dispose()
    {
        packed.Dispose();
        scratch.Dispose();
    }
}
