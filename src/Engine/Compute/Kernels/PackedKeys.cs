using System.Runtime.CompilerServices;
using Tessera.Native;

namespace Tessera.Compute.Kernels;

/// <summary>
/// Keys and values of some key heads as the tiles' products read them: single precision, each tile of 64 tokens' keys transposed, its
/// values row by row. ggml's own kernel does this anew for every 64 queries.
/// </summary>
internal static unsafe class PackedKeys
{
    /// <summary>Floats that the tiles of one key head take.</summary>
    public static long LengthOf(in AttentionShape shape) => (long)TileCount(shape.TokenCount) * AttentionTile.Columns * (shape.HeadSize + shape.ValueSize);

    public static int TileCount(int tokenCount) => (tokenCount + AttentionTile.Columns - 1) / AttentionTile.Columns;

    /// <summary>Tokens of a tile, and the columns they take: a multiple of the vector's length.</summary>
    public static (int Tokens, int Columns) SizeOf(in AttentionShape shape, int tile)
    {
        int tokens = Math.Min(AttentionTile.Columns, shape.TokenCount - tile * AttentionTile.Columns);
        return (tokens, (tokens + TileProduct.Lanes - 1) / TileProduct.Lanes * TileProduct.Lanes);
    }

    /// <summary>A tile's keys [columns, head] among a head's.</summary>
    public static float* Keys(float* head, in AttentionShape shape, int tile) => head + (long)tile * AttentionTile.Columns * (shape.HeadSize + shape.ValueSize);

    /// <summary>A tile's values [size, tokens] among a head's.</summary>
    public static float* Values(float* head, in AttentionShape shape, int tile) => Keys(head, shape, tile) + (long)AttentionTile.Columns * shape.HeadSize;

    /// <summary>Packs one tile of a key head.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(float* head, in AttentionShape shape, int keyHead, int keySlice, int tile)
    {
        (int tokens, int columns) = SizeOf(shape, tile);
        float* keys = Keys(head, shape, tile), values = Values(head, shape, tile);
        float* row = stackalloc float[shape.HeadSize];
        if (tokens < columns) new Span<float>(keys, columns * shape.HeadSize).Clear();
        for (int token = 0; token < tokens; token++)
        {
            int place = tile * AttentionTile.Columns + token;
            Read(shape.Key, place, keyHead, keySlice, row, shape.HeadSize);
            for (int index = 0; index < shape.HeadSize; index++) keys[index * columns + token] = row[index];
            Read(shape.Value, place, keyHead, keySlice, values + token * shape.ValueSize, shape.ValueSize);
        }
    }

    private static void Read(ggml_tensor* tensor, int token, int head, int slice, float* target, int count)
    {
        byte* source = tensor->data + (ulong)token * tensor->nb[1] + (ulong)head * tensor->nb[2] + (ulong)slice * tensor->nb[3];
        if (tensor->type == ggml_type.GGML_TYPE_F16) VectorMath.ToSingle((ushort*)source, target, count);
        else new ReadOnlySpan<float>(source, count).CopyTo(new Span<float>(target, count));
    }
}
