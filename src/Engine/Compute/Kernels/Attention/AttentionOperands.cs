using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Tessera.Compute.Kernels.Products;

namespace Tessera.Compute.Kernels.Attention;

/// <summary>
/// The operands of attention as tiles of the <see cref="MatrixUnit"/>. Where it must be as exact as single precision, the left ones hold
/// what is rounded to bfloat16 twice and then what that takes away, the right ones the rounded, the taken away and the rounded again, so
/// that one run along both adds up the three products that count.
/// </summary>
internal readonly unsafe struct AttentionOperands(AttentionShape shape)
{
    private readonly int parts = shape.IsExact ? 3 : 1;

    /// <summary>A value's size in whole blocks of the unit.</summary>
    public int PaddedValueSize => (shape.ValueSize + MatrixUnit.Block - 1) / MatrixUnit.Block * MatrixUnit.Block;

    /// <summary>Floats that the tiles of one key head take.</summary>
    public long Length => PackedKeys.TileCount(shape.TokenCount) * TileLength;

    private long TileLength =>
        (
            AttentionTile.Columns / MatrixUnit.TileRows * (long)Bytes(shape.HeadSize)
            + PaddedValueSize / MatrixUnit.TileRows * (long)Bytes(AttentionTile.Columns)
        ) / sizeof(float);

    /// <summary>Steps of a run along operands of that depth.</summary>
    public int RunLength(int depth) => parts * TilePacking.StepCount(depth);

    /// <summary>Bytes of 16 rows or columns of that depth.</summary>
    public int Bytes(int depth) => RunLength(depth) * MatrixUnit.TileBytes;

    /// <summary>A tile's keys: 64 columns, 16 by 16.</summary>
    public byte* Keys(float* head, int tile) => (byte*)(head + tile * TileLength);

    /// <summary>A tile's values: <see cref="PaddedValueSize"/> columns, 16 by 16, of 64 tokens each.</summary>
    public byte* Values(float* head, int tile) => Keys(head, tile) + AttentionTile.Columns / MatrixUnit.TileRows * Bytes(shape.HeadSize);

    /// <summary>Packs 16 rows as a left operand.</summary>
    public void PackLeft(float* rows, int stride, int rowCount, int depth, byte* target)
    {
        int length = TilePacking.StepCount(depth) * MatrixUnit.TileBytes;
        TilePacking.PackLeft(rows, stride, rowCount, depth, target, shape.IsExact ? target + 2 * length : null);
        if (shape.IsExact)
            Unsafe.CopyBlockUnaligned(target + length, target, (uint)length);
    }

    /// <summary>Packs one tile of a key head.</summary>
    public void Pack(float* head, int keyHead, int keySlice, int tile)
    {
        int first = tile * AttentionTile.Columns,
            tokens = Math.Min(AttentionTile.Columns, shape.TokenCount - first);
        PackKeys(Keys(head, tile), (keyHead, keySlice), first, tokens);
        PackValues(Values(head, tile), (keyHead, keySlice), first, tokens);
    }

    private void PackKeys(byte* target, (int Head, int Slice) place, int first, int tokens)
    {
        float* rows = stackalloc float[MatrixUnit.TileRows * shape.HeadSize];
        int length = TilePacking.StepCount(shape.HeadSize) * MatrixUnit.TileBytes;
        for (int token = 0; token < AttentionTile.Columns; token += MatrixUnit.TileRows, target += Bytes(shape.HeadSize))
        {
            int count = Math.Clamp(tokens - token, 0, MatrixUnit.TileRows);
            for (int row = 0; row < count; row++)
                PackedKeys.Read(shape.Key, first + token + row, place.Head, place.Slice, rows + row * shape.HeadSize, shape.HeadSize);
            TilePacking.PackRight(rows, shape.HeadSize, count, shape.HeadSize, target, shape.IsExact ? target + length : null);
            if (shape.IsExact)
                Unsafe.CopyBlockUnaligned(target + 2 * length, target, (uint)length);
        }
    }

    // Pairs of tokens lie side by side already.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackValues(byte* target, (int Head, int Slice) place, int first, int tokens)
    {
        int size = PaddedValueSize;
        float* even = stackalloc float[size],
            odd = stackalloc float[size];
        new Span<float>(even, size).Clear();
        new Span<float>(odd, size).Clear();
        const int Length = AttentionTile.Columns / MatrixUnit.TileDepth * MatrixUnit.TileBytes;
        for (int pair = 0; pair < AttentionTile.Columns / 2; pair++, target += Vector512<byte>.Count)
        {
            ReadValues(place, first, 2 * pair, tokens, even);
            ReadValues(place, first, 2 * pair + 1, tokens, odd);
            byte* columns = target;
            for (int index = 0; index < size; index += MatrixUnit.TileRows, columns += parts * Length)
            {
                (Vector512<uint> rounded, Vector512<uint> residue) = TilePacking.RoundPairs(
                    Vector512.Load(even + index),
                    Vector512.Load(odd + index)
                );
                rounded.Store((uint*)columns);
                if (!shape.IsExact)
                    continue;
                residue.Store((uint*)(columns + Length));
                rounded.Store((uint*)(columns + 2 * Length));
            }
        }
    }

    private void ReadValues((int Head, int Slice) place, int first, int token, int tokens, float* target)
    {
        if (token < tokens)
            PackedKeys.Read(shape.Value, first + token, place.Head, place.Slice, target, shape.ValueSize);
        else
            new Span<float>(target, shape.ValueSize).Clear();
    }
}
