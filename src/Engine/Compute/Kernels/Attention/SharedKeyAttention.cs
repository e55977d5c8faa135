using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Tessera.Compute.Kernels.Code;
using Tessera.Native;

namespace Tessera.Compute.Kernels.Attention;

/// <summary>
/// Attention of a few queries over many keys: the heads that share a key head are taken together, eight side by side, so that its keys are
/// read once, and the keys are split into stretches that threads take. What the stretches give is summed at the end, in the same order
/// whatever the number of threads.
/// </summary>
/// <param name="shape">The operation.</param>
internal readonly unsafe struct SharedKeyAttention(AttentionShape shape)
{
    private const int StretchTokens = 128;
    private const int Lanes = LaneSums.Lanes,
        Tokens = LaneTile.Tokens;

    // As far ahead keys and values are asked for: at the end of a stretch, those of the next one.
    private const int TokensAhead = 64;

    // More rows are sooner done by packing the keys.
    private const int MostRows = 96;
    private const int LineBytes = 64;

    // Heads that share a key head.
    private int Sharers => shape.HeadsPerKey * shape.SlicesPerKey;

    private int RowCount => Sharers * shape.QueryCount;

    private int KeyHeadCount => shape.KeyHeadCount * shape.KeySliceCount;

    private int GroupCount => (RowCount + Lanes - 1) / Lanes;

    private int StretchCount => (shape.TokenCount + StretchTokens - 1) / StretchTokens;

    private int PartLength => LaneTile.PartLength(shape.ValueSize);

    /// <summary>Stretches of all key heads: what threads take.</summary>
    public int UnitCount => StretchCount * KeyHeadCount;

    /// <summary>Floats that a unit's sums take.</summary>
    public int UnitLength => GroupCount * PartLength;

    /// <summary>Floats of the queries.</summary>
    public int QueriesLength => KeyHeadCount * GroupCount * Lanes * shape.HeadSize;

    /// <summary>Floats of scratch for each thread: scores, a mask, and a tile of keys or values.</summary>
    public int ScratchLength => GroupCount * Lanes * Tokens + Tokens + Tokens * Math.Max(shape.HeadSize, shape.ValueSize);

    /// <summary>Whether a shape has few enough queries.</summary>
    public static bool Takes(in AttentionShape shape) => new SharedKeyAttention(shape).RowCount <= MostRows;

    /// <summary>Computes a stretch of a key head.</summary>
    /// <param name="unit">Which.</param>
    /// <param name="mask">What to skip, of each query.</param>
    /// <param name="queries">What <see cref="LoadQueries(float*)"/> gave.</param>
    /// <param name="scratch">Room of <see cref="ScratchLength"/> floats that no other thread uses.</param>
    /// <param name="parts">Gets the sums of every unit, <see cref="UnitLength"/> floats each.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Compute(int unit, AttentionMask mask, float* queries, float* scratch, float* parts)
    {
        // The heads of a stretch follow each other: their keys lie side by side.
        int head = unit % KeyHeadCount,
            first = unit / KeyHeadCount * StretchTokens,
            end = Math.Min(first + StretchTokens, shape.TokenCount);
        (int keyHead, int keySlice) = (head % shape.KeyHeadCount, head / shape.KeyHeadCount);
        float* rows = scratch + GroupCount * Lanes * Tokens + Tokens,
            sums = parts + (long)unit * UnitLength;
        queries += head * GroupCount * Lanes * shape.HeadSize;
        for (int group = 0; group < GroupCount; group++)
            Tile(group, queries, scratch, sums).Begin(shape.ValueSize);
        for (int token = first; token < end; token += Tokens)
        {
            int tokens = Math.Min(Tokens, end - token);
            if (Effect(mask, keySlice, 0, GroupCount, token) == MaskEffect.All)
                continue;
            int ahead = token + TokensAhead;
            Prefetch(shape.Key, ahead, Math.Min(Tokens, shape.TokenCount - ahead), keyHead, keySlice);
            Prefetch(shape.Value, ahead, Math.Min(Tokens, shape.TokenCount - ahead), keyHead, keySlice);
            Read(shape.Key, token, tokens, keyHead, keySlice, rows);
            for (int group = 0; group < GroupCount; group++)
                Score(Tile(group, queries, scratch, sums), group, mask, (keyHead, keySlice), (token, tokens), rows);
            Read(shape.Value, token, tokens, keyHead, keySlice, rows);
            for (int group = 0; group < GroupCount; group++)
            {
                if (Effect(mask, keySlice, group, 1, token) != MaskEffect.All)
                    Tile(group, queries, scratch, sums).Mix(rows, shape.ValueSize, tokens);
            }
        }
    }

    /// <summary>Sums the stretches of every row into the results; a query that attends to nothing gets zeros.</summary>
    public void Sum(float* parts)
    {
        for (int place = 0; place < KeyHeadCount * GroupCount; place++)
        {
            (int head, int group) = (place / GroupCount, place % GroupCount);
            var whole = new LaneTile(null, null, parts + (long)head * UnitLength + group * PartLength);
            for (int stretch = 1; stretch < StretchCount; stretch++)
                whole.Add(parts + ((long)stretch * KeyHeadCount + head) * UnitLength + group * PartLength, shape.ValueSize);
            for (int row = group * Lanes; row < Math.Min(RowCount, (group + 1) * Lanes); row++)
            {
                (int slice, int own, int query) = Place(head % shape.KeyHeadCount, head / shape.KeyHeadCount, row);
                whole.Store(row % Lanes, shape.ValueSize, shape.ResultRow(slice, own, query));
            }
        }
    }

    private LaneTile Tile(int group, float* queries, float* scratch, float* unitParts) =>
        new(queries + group * Lanes * shape.HeadSize, scratch + group * Lanes * Tokens, unitParts + group * PartLength);

    private void Score(LaneTile tile, int group, AttentionMask mask, (int Head, int Slice) key, (int First, int Count) tokens, float* rows)
    {
        MaskEffect effect = Effect(mask, key.Slice, group, 1, tokens.First);
        if (effect == MaskEffect.All)
            return;
        tile.Score(rows, shape.HeadSize, tokens.Count);
        float* maskRow = rows - Tokens;
        for (int lane = 0; effect == MaskEffect.Some && lane < Math.Min(Lanes, RowCount - group * Lanes); lane++)
        {
            (int slice, _, int query) = Place(key.Head, key.Slice, group * Lanes + lane);
            ElementConversion.HalvesToFloat(
                new ReadOnlySpan<ushort>(mask.Row(slice, query, tokens.First), tokens.Count),
                new Span<float>(maskRow, tokens.Count)
            );
            tile.AddMask(lane, maskRow, tokens.Count);
        }

        tile.Weigh(shape.ValueSize);
    }

    /// <summary>Puts the queries of each key head side by side, scaled, and zero into lanes without one.</summary>
    public void LoadQueries(float* queries)
    {
        for (int place = 0; place < KeyHeadCount * GroupCount; place++, queries += Lanes * shape.HeadSize)
        {
            int head = place / GroupCount;
            LoadQueries(head % shape.KeyHeadCount, head / shape.KeyHeadCount, place % GroupCount, queries);
        }
    }

    private void LoadQueries(int keyHead, int keySlice, int group, float* target)
    {
        for (int lane = 0; lane < Lanes; lane++)
        {
            int row = group * Lanes + lane;
            (int slice, int head, int query) = Place(keyHead, keySlice, Math.Min(row, RowCount - 1));
            float* source = shape.QueryRow(slice, head, query);
            float scale = row < RowCount ? shape.Scale : 0;
            for (int index = 0; index < shape.HeadSize; index++)
                target[index * Lanes + lane] = scale == 0 ? 0 : source[index] * scale;
        }
    }

    // A query's heads lie side by side, so that what it may not see is skipped for all of them.
    private (int Slice, int Head, int Query) Place(int keyHead, int keySlice, int row)
    {
        (int query, int user) = (row / Sharers, row % Sharers);
        return (keySlice * shape.SlicesPerKey + user / shape.HeadsPerKey, keyHead * shape.HeadsPerKey + user % shape.HeadsPerKey, query);
    }

    // What the mask does to a tile of scores of some groups together.
    private MaskEffect Effect(AttentionMask mask, int keySlice, int firstGroup, int count, int token)
    {
        int firstRow = firstGroup * Lanes,
            lastRow = Math.Min(RowCount, firstRow + count * Lanes) - 1;
        bool isZero = true,
            isInfinite = true;
        for (int query = firstRow / Sharers; query <= lastRow / Sharers; query++)
        {
            for (int slice = 0; slice < shape.SlicesPerKey; slice++)
            {
                MaskEffect effect = mask.Effect(keySlice * shape.SlicesPerKey + slice, query, token / AttentionTile.Columns);
                isZero &= effect == MaskEffect.None;
                isInfinite &= effect == MaskEffect.All;
            }
        }

        return isInfinite ? MaskEffect.All
            : isZero ? MaskEffect.None
            : MaskEffect.Some;
    }

    // Tokens' keys or values of a head, in single precision.
    private static void Read(ggml_tensor* tensor, int token, int tokens, int head, int slice, float* target)
    {
        var size = (int)tensor->ne[0];
        if (
            tensor->type == ggml_type.GGML_TYPE_F16
            && HalfWidening.TryWiden((ushort*)At(tensor, token, head, slice), (nint)tensor->nb[1], tokens, size, target)
        )
            return;
        for (int row = 0; row < tokens; row++)
            PackedKeys.Read(tensor, token + row, head, slice, target + row * size, size);
    }

    // Each head's is a small part of a token's row: the processor does not see in time what comes next.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Prefetch(ggml_tensor* tensor, int token, int tokens, int head, int slice)
    {
        byte* row = At(tensor, token, head, slice);
        var length = (int)(tensor->nb[2] < tensor->nb[1] ? tensor->nb[2] : (ulong)tensor->ne[0] * tensor->nb[0]);
        for (int index = 0; index < tokens; index++, row += tensor->nb[1])
        {
            for (int at = 0; at < length; at += LineBytes)
                Sse.Prefetch1(row + at);
        }
    }

    private static byte* At(ggml_tensor* tensor, int token, int head, int slice) =>
        tensor->data + (ulong)token * tensor->nb[1] + (ulong)head * tensor->nb[2] + (ulong)slice * tensor->nb[3];
}
