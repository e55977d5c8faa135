using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Tessera.Compute.Kernels.Products;
using Tessera.Native;

namespace Tessera.Compute.Kernels.Attention;

/// <summary>
/// Keys and values of some key heads as the tiles' products read them: single precision, each tile of 64 tokens' keys transposed, its
/// values row by row. ggml's own kernel does this anew for every 64 queries.
/// </summary>
internal static unsafe class PackedKeys
{
    private const int TransposeBlock = 8;

    /// <summary>Floats that the tiles of one key head take.</summary>
    public static long LengthOf(in AttentionShape shape) =>
        (long)TileCount(shape.TokenCount) * AttentionTile.Columns * (shape.HeadSize + shape.ValueSize);

    public static int TileCount(int tokenCount) => (tokenCount + AttentionTile.Columns - 1) / AttentionTile.Columns;

    /// <summary>Tokens of a tile, and the columns they take: a multiple of the vector's length.</summary>
    public static (int Tokens, int Columns) SizeOf(in AttentionShape shape, int tile)
    {
        int tokens = Math.Min(AttentionTile.Columns, shape.TokenCount - tile * AttentionTile.Columns);
        return (tokens, (tokens + TileProduct.Lanes - 1) / TileProduct.Lanes * TileProduct.Lanes);
    }

    /// <summary>A tile's keys [columns, head] among a head's.</summary>
    public static float* Keys(float* head, in AttentionShape shape, int tile) =>
        head + (long)tile * AttentionTile.Columns * (shape.HeadSize + shape.ValueSize);

    /// <summary>A tile's values [size, tokens] among a head's.</summary>
    public static float* Values(float* head, in AttentionShape shape, int tile) =>
        Keys(head, shape, tile) + (long)AttentionTile.Columns * shape.HeadSize;

    /// <summary>Packs one tile of a key head.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(float* head, in AttentionShape shape, int keyHead, int keySlice, int tile)
    {
        (int tokens, int columns) = SizeOf(shape, tile);
        float* keys = Keys(head, shape, tile),
            values = Values(head, shape, tile);
        float* rows = stackalloc float[TransposeBlock * shape.HeadSize];
        for (int first = 0; first < columns; first += TransposeBlock)
        {
            for (int row = 0; row < TransposeBlock; row++)
            {
                int token = tile * AttentionTile.Columns + first + row;
                if (first + row < tokens)
                    Read(shape.Key, token, keyHead, keySlice, rows + row * shape.HeadSize, shape.HeadSize);
                else
                    new Span<float>(rows + row * shape.HeadSize, shape.HeadSize).Clear();
                if (first + row < tokens)
                    Read(shape.Value, token, keyHead, keySlice, values + (first + row) * shape.ValueSize, shape.ValueSize);
            }

            Transpose(rows, shape.HeadSize, keys + first, columns);
        }
    }

    // Eight rows of a head's length -> columns of eight.
    private static void Transpose(float* rows, int length, float* target, int columns)
    {
        int index = 0;
        for (; index + TransposeBlock <= length; index += TransposeBlock)
            TransposeBlockOf(rows + index, length, target + (long)index * columns, columns);
        for (; index < length; index++)
        {
            for (int row = 0; row < TransposeBlock; row++)
                target[(long)index * columns + row] = rows[row * length + index];
        }
    }

    private static void TransposeBlockOf(float* rows, int length, float* target, int columns)
    {
        Vector256<float>* pairs = stackalloc Vector256<float>[TransposeBlock];
        for (int row = 0; row < TransposeBlock; row += 2)
        {
            Vector256<float> upper = Vector256.Load(rows + row * length),
                lower = Vector256.Load(rows + (row + 1) * length);
            (pairs[row], pairs[row + 1]) = (Avx.UnpackLow(upper, lower), Avx.UnpackHigh(upper, lower));
        }

        Vector256<float>* fours = stackalloc Vector256<float>[TransposeBlock];
        for (int half = 0; half < TransposeBlock; half += 4)
        {
            for (int part = 0; part < 2; part++)
            {
                Vector256<float> first = pairs[half + part],
                    second = pairs[half + 2 + part];
                fours[half + 2 * part] = Avx.Shuffle(first, second, 0x44);
                fours[half + 2 * part + 1] = Avx.Shuffle(first, second, 0xee);
            }
        }

        for (int column = 0; column < 4; column++)
        {
            Avx.Permute2x128(fours[column], fours[4 + column], 0x20).Store(target + (long)column * columns);
            Avx.Permute2x128(fours[column], fours[4 + column], 0x31).Store(target + (long)(4 + column) * columns);
        }
    }

    internal static void Read(ggml_tensor* tensor, int token, int head, int slice, float* target, int count)
    {
        byte* source = tensor->data + (ulong)token * tensor->nb[1] + (ulong)head * tensor->nb[2] + (ulong)slice * tensor->nb[3];
        if (tensor->type == ggml_type.GGML_TYPE_F16)
            ElementConversion.HalvesToFloat(new ReadOnlySpan<ushort>(source, count), new Span<float>(target, count));
        else if (tensor->type == ggml_type.GGML_TYPE_Q8_0)
            Q8Blocks.ToFloat(new ReadOnlySpan<byte>(source, count / Q8Blocks.Length * Q8Blocks.ByteLength), new Span<float>(target, count));
        else
            new ReadOnlySpan<float>(source, count).CopyTo(new Span<float>(target, count));
    }
}
