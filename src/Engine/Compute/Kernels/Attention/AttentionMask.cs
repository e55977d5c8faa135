using Tessera.Native;

namespace Tessera.Compute.Kernels.Attention;

/// <summary>How a mask touches a tile of scores.</summary>
internal enum MaskEffect : byte
{
    /// <summary>It is zero: the scores stay as they are.</summary>
    None,

    /// <summary>It is minus infinity: the tile need not be computed.</summary>
    All,

    /// <summary>It must be added.</summary>
    Some,
}

/// <summary>What a mask [tokens, queries, 1, slices] does to each tile of scores, found once for all heads.</summary>
internal sealed unsafe class AttentionMask
{
    private const ushort MinusInfinity = 0xfc00;
    private readonly ggml_tensor* mask;
    private readonly int tileQueries;
    private readonly int queryTiles;
    private readonly int keyTiles;
    private readonly MaskEffect[] effects;

    /// <summary>Finds them.</summary>
    /// <param name="shape">The operation.</param>
    /// <param name="tileQueries">Queries of a tile.</param>
    public AttentionMask(in AttentionShape shape, int tileQueries)
    {
        mask = shape.Mask;
        this.tileQueries = tileQueries;
        queryTiles = (shape.QueryCount + tileQueries - 1) / tileQueries;
        keyTiles = PackedKeys.TileCount(shape.TokenCount);
        effects = mask == null ? [] : new MaskEffect[mask->ne[3] * queryTiles * keyTiles];
        for (int slice = 0; mask != null && slice < mask->ne[3]; slice++)
        {
            for (int tile = 0; tile < queryTiles; tile++)
                FindEffects(shape, slice, tile);
        }
    }

    public MaskEffect Effect(int slice, int queryTile, int keyTile) =>
        mask == null ? MaskEffect.None : effects[Index((int)(slice % mask->ne[3]), queryTile, keyTile)];

    /// <summary>The mask's values for a query, from a token on.</summary>
    public ushort* Row(int slice, int query, int token) =>
        (ushort*)(mask->data + (ulong)query * mask->nb[1] + (ulong)(slice % mask->ne[3]) * mask->nb[3]) + token;

    private int Index(int slice, int queryTile, int keyTile) => (slice * queryTiles + queryTile) * keyTiles + keyTile;

    private void FindEffects(in AttentionShape shape, int slice, int queryTile)
    {
        int firstQuery = queryTile * tileQueries,
            lastQuery = Math.Min(shape.QueryCount, firstQuery + tileQueries);
        for (int keyTile = 0; keyTile < keyTiles; keyTile++)
        {
            int token = keyTile * AttentionTile.Columns,
                count = Math.Min(AttentionTile.Columns, shape.TokenCount - token);
            bool isZero = true,
                isInfinite = true;
            for (int query = firstQuery; query < lastQuery && (isZero || isInfinite); query++)
            {
                var row = new ReadOnlySpan<ushort>(Row(slice, query, token), count);
                isZero &= !row.ContainsAnyExcept((ushort)0);
                isInfinite &= !row.ContainsAnyExcept(MinusInfinity);
            }

            effects[Index(slice, queryTile, keyTile)] =
                isInfinite ? MaskEffect.All
                : isZero ? MaskEffect.None
                : MaskEffect.Some;
        }
    }
}
