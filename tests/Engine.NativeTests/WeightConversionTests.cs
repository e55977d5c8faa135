using System.Runtime.InteropServices;
using Tessera.Compute;
using Tessera.Gguf;
using Tessera.Native;

namespace Tessera.Engine.NativeTests;

/// <summary>The vectorised conversions that weights go through while they load give ggml's own bytes.</summary>
public sealed unsafe class WeightConversionTests
{
    public WeightConversionTests() => NativeRuntime.Start();

    [Fact]
    public void Every_half_becomes_the_float_that_it_is()
    {
        ushort[] halves = [.. Enumerable.Range(0, 1 << 16).Select(static bits => (ushort)bits)];
        var floats = new float[halves.Length];
        ElementConversion.ToFloat(GgufTensorType.F16, MemoryMarshal.AsBytes(halves.AsSpan()), floats);
        for (int bits = 0; bits < halves.Length; bits++)
        {
            float expected = (float)BitConverter.UInt16BitsToHalf((ushort)bits);
            Assert.True(
                float.IsNaN(expected)
                    ? float.IsNaN(floats[bits])
                    : BitConverter.SingleToInt32Bits(expected) == BitConverter.SingleToInt32Bits(floats[bits]),
                $"{bits:x4} became {floats[bits]}, not {expected}."
            );
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(37)]
    public void A_number_of_halves_that_fills_no_vector_is_converted_to_the_last(int count)
    {
        Half[] halves = [.. Enumerable.Range(0, count).Select(static index => (Half)(index - 7.25f))];
        var floats = new float[count];
        ElementConversion.ToFloat(GgufTensorType.F16, MemoryMarshal.AsBytes(halves.AsSpan()), floats);
        Assert.Equal(halves.Select(static half => (float)half), floats);
    }

    [Theory]
    [InlineData(0.02f)]
    [InlineData(3e4f)]
    [InlineData(1e-7f)] // scales that are subnormal halves, or none
    [InlineData(1e-38f)]
    public void Quantizing_gives_the_bytes_of_ggml(float spread)
    {
        var random = new Random(6);
        float[] values = [.. Enumerable.Range(0, 1 << 16).Select(_ => (random.NextSingle() * 2 - 1) * spread)];
        values.AsSpan(0, Q8Blocks.Length).Clear();
        Assert.Equal(OfGgml(values), Quantized(values));
    }

    /// <summary>Halves are rounded away from zero, and the float below a half is not rounded up.</summary>
    [Fact]
    public void Quantizing_rounds_as_ggml_does_at_the_halves()
    {
        var values = new List<float>();
        for (int step = -127; step < 127; step++)
            values.AddRange([
                127,
                step,
                step + 0.5f,
                MathF.BitIncrement(step + 0.5f),
                MathF.BitDecrement(step + 0.5f),
                0.49999997f,
                -0.49999997f,
                -0f,
                .. new float[24],
            ]);
        Assert.Equal(OfGgml([.. values]), Quantized([.. values]));
    }

    [Fact]
    public void A_value_that_is_no_number_spoils_its_block_visibly()
    {
        var values = new float[2 * Q8Blocks.Length];
        (values[3], values[40]) = (float.NaN, float.PositiveInfinity);
        byte[] blocks = Quantized(values);
        Assert.True(Half.IsNaN(BitConverter.ToHalf(blocks)));
        Assert.True(Half.IsInfinity(BitConverter.ToHalf(blocks, Q8Blocks.ByteLength)));
    }

    [Fact]
    public void Blocks_become_the_values_that_ggml_reads_in_them()
    {
        var random = new Random(8);
        byte[] blocks = Quantized([
            .. Enumerable.Range(0, 1 << 14).Select(index => (random.NextSingle() * 2 - 1) * MathF.Pow(2, index / 1024 - 8)),
        ]);
        var expected = new float[blocks.Length / Q8Blocks.ByteLength * Q8Blocks.Length];
        var actual = new float[expected.Length];
        fixed (byte* from = blocks)
        fixed (float* to = expected)
            Ggml.ggml_get_type_traits(ggml_type.GGML_TYPE_Q8_0)->to_float(from, to, expected.Length);
        ElementConversion.ToFloat(GgufTensorType.Q8_0, blocks, actual);
        Assert.Equal(expected, actual);
    }

    private static byte[] Quantized(float[] values)
    {
        var blocks = new byte[values.Length / Q8Blocks.Length * Q8Blocks.ByteLength];
        Q8Blocks.Quantize(values, blocks);
        return blocks;
    }

    private static byte[] OfGgml(float[] values)
    {
        var blocks = new byte[values.Length / Q8Blocks.Length * Q8Blocks.ByteLength];
        fixed (float* source = values)
        fixed (byte* target = blocks)
            Ggml.ggml_quantize_chunk(ggml_type.GGML_TYPE_Q8_0, source, target, 0, 1, values.Length, null);
        return blocks;
    }
}
