using System.Runtime.InteropServices;
using Tessera.Checkpoints.Tensors;

namespace Tessera.Checkpoints.Tests;

/// <summary>Conversions of elements in vectors are those of single elements.</summary>
public sealed class ElementTests
{
    private static readonly ushort[] AllBits = [.. Enumerable.Range(0, 1 << 16).Select(static bits => (ushort)bits)];

    [Fact]
    public void Every_brain_float_becomes_the_half_that_its_single_becomes()
    {
        ushort[] halves = new ushort[AllBits.Length];
        BrainFloat.ToHalf(AllBits, halves);
        foreach (ushort bits in AllBits)
        {
            float value = BitConverter.UInt32BitsToSingle((uint)bits << 16);
            if (float.IsNaN(value))
                Assert.True(Half.IsNaN(BitConverter.UInt16BitsToHalf(halves[bits])));
            else
                Assert.Equal(BitConverter.HalfToUInt16Bits((Half)value), halves[bits]);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(33)]
    public void Lengths_that_are_no_whole_vectors_are_converted_to_their_end(int count)
    {
        ushort[] source = [.. Enumerable.Repeat((ushort)0x3f80, count)],
            target = [.. Enumerable.Repeat((ushort)7, count + 1)];
        BrainFloat.ToHalf(source, target.AsSpan(0, count));
        Assert.Equal([.. Enumerable.Repeat((ushort)0x3c00, count), 7], target);
    }

    [Fact]
    public void Singles_become_brain_floats_by_rounding_to_even()
    {
        var random = new Random(1);
        uint[] bits =
        [
            0,
            0x80000000,
            0x3f808000,
            0x3f818000,
            0x7f7fffff,
            0x7f800000,
            0x7f800001,
            0xffc00000,
            .. Enumerable.Range(0, 1000).Select(_ => (uint)random.NextInt64(1L << 32)),
        ];
        ushort[] narrowed = new ushort[bits.Length],
            one = new ushort[1];
        BrainFloat.Narrow(bits, narrowed);
        for (int index = 0; index < bits.Length; index++)
        {
            BrainFloat.Narrow(bits.AsSpan(index, 1), one);
            Assert.Equal(one[0], narrowed[index]);
        }

        Assert.Equal(
            [0, 0x8000, 0x3f80, 0x3f82, 0x7f80, 0x7f80, 0x7fc0 & narrowed[6], 0xffc0],
            Array.ConvertAll(narrowed[..8], static n => (int)n)
        );
        Assert.True(BitConverter.UInt32BitsToSingle((uint)narrowed[6] << 16) is float.NaN);
    }

    // ggml-org/llama.cpp v0.5.0, gguf-py/gguf/quants.py, written out.
    [Fact]
    public void Blocks_of_eight_bits_round_halves_away_from_zero()
    {
        var random = new Random(2);
        float[] values = [.. Enumerable.Range(0, 4096).Select(index => index < 32 ? 0 : (float)(random.NextDouble() * 4 - 2))];
        for (int index = 32; index < 64; index++)
            values[index] = (index - 48) * 0.5f * (index == 32 ? 127f / 8 : 1);
        byte[] target = new byte[values.Length / EightBitBlocks.ElementCount * EightBitBlocks.ByteLength];
        EightBitBlocks.Quantize(values, target);
        for (int block = 0; block < values.Length / 32; block++)
        {
            float[] source = values[(block * 32)..(block * 32 + 32)];
            float scale = source.Max(MathF.Abs) / 127,
                inverse = scale == 0 ? 0 : 1 / scale;
            Span<byte> stored = target.AsSpan(block * 34, 34);
            Assert.Equal((Half)scale, MemoryMarshal.Read<Half>(stored));
            for (int index = 0; index < 32; index++)
            {
                float scaled = source[index] * inverse,
                    magnitude = MathF.Abs(scaled),
                    floor = MathF.Floor(magnitude),
                    rounded = floor + MathF.Floor(2 * (magnitude - floor));
                Assert.Equal((sbyte)(scaled < 0 ? -rounded : rounded), (sbyte)stored[2 + index]);
            }
        }
    }
}
