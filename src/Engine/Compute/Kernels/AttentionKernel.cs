namespace Tessera.Compute.Kernels;

/// <summary>
/// Attention on the processor's vectors: packs the keys and values of some heads, then computes their tiles of queries, both on
/// all threads. One operation at a time.
/// </summary>
internal sealed unsafe class AttentionKernel : IDisposable
{
    // What stays in the outer caches; a single head takes more where it must.
    private const long PackedLimit = 4L << 20;
    private readonly ScratchMemory packed = new();
    private readonly ScratchMemory scratch = new();

    /// <summary>Computes an operation that <see cref="AttentionShape.IsSupported"/> accepts.</summary>
    /// <exception cref="OutOfMemoryException">There is not enough memory.</exception>
    public void Compute(AttentionShape shape, int threadCount)
    {
        int keyTiles = PackedKeys.TileCount(shape.TokenCount), queryTiles = (shape.QueryCount + AttentionTile.Rows - 1) / AttentionTile.Rows;
        long headLength = MatrixUnit.IsSupported ? new AttentionOperands(shape).Length : PackedKeys.LengthOf(shape);
        int heads = shape.KeyHeadCount * shape.KeySliceCount, group = (int)Math.Clamp(PackedLimit / headLength, 1, heads);
        int scratchEach = (AttentionTile.ScratchLength(shape) + TileProduct.Lanes - 1) / TileProduct.Lanes * TileProduct.Lanes;
        var store = (float*)packed.Reserve(group * headLength * sizeof(float));
        var rooms = (float*)scratch.Reserve((long)threadCount * scratchEach * sizeof(float));
        var mask = new AttentionMask(shape, queryTiles, keyTiles);

        for (int first = 0; first < heads; first += group)
        {
            int start = first, count = Math.Min(group, heads - first);
            WorkSharing.Share(threadCount, count * keyTiles, (_, unit) =>
            {
                int head = start + unit / keyTiles;
                float* target = store + unit / keyTiles * headLength;
                if (MatrixUnit.IsSupported) new AttentionOperands(shape).Pack(target, head % shape.KeyHeadCount, head / shape.KeyHeadCount, unit % keyTiles);
                else PackedKeys.Pack(target, shape, head % shape.KeyHeadCount, head / shape.KeyHeadCount, unit % keyTiles);
            });
            int users = shape.HeadsPerKey * shape.SlicesPerKey;
            WorkSharing.Share(threadCount, count * users * queryTiles, (worker, unit) =>
            {
                int own = unit / (users * queryTiles), user = unit / queryTiles % users, head = start + own;
                (int Slice, int Head, int Tile) place = (head / shape.KeyHeadCount * shape.SlicesPerKey + user / shape.HeadsPerKey,
                    head % shape.KeyHeadCount * shape.HeadsPerKey + user % shape.HeadsPerKey, unit % queryTiles);
                new AttentionTile(rooms + (long)worker * scratchEach).Compute(shape, mask, store + own * headLength, place);
            });
        }
    }

    public void Dispose()
    {
        packed.Dispose();
        scratch.Dispose();
    }
}
