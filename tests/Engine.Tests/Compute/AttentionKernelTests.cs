using System.Runtime.Intrinsics;
using Tessera.Compute;
using Tessera.Compute.Kernels;
using Tessera.Compute.Kernels.Products;
using Tessera.Compute.Kernels.Rows;
using Tessera.Native;

namespace Tessera.Engine.Tests.Compute;

public sealed class AttentionKernelTests
{
    /// <summary>Head, value, queries, tokens, heads, key heads, slices, key slices, half precision, mask.</summary>
    public static TheoryData<string, AttentionCase> Cases =>
        new()
        {
            { "ViT-L at 336", new(64, 64, 577, 577, 2, 2, 2, 2) },
            { "SigLIP, padded values", new(72, 80, 256, 256, 3, 3, 1, 1) },
            { "a resampler's 64 queries", new(128, 128, 64, 1000, 2, 2, 1, 1) },
            { "causal, grouped queries, half precision", new(64, 64, 130, 512, 8, 2, 1, 1, IsHalf: true, Mask: "causal") },
            { "causal, wide heads", new(256, 256, 50, 190, 4, 1, 1, 1, IsHalf: true, Mask: "causal") },
            { "a mask of any numbers", new(96, 96, 49, 65, 2, 2, 1, 1, Mask: "numbers") },
            { "queries that see nothing", new(32, 32, 48, 96, 1, 1, 1, 1, Mask: "nothing") },
            { "one slice of keys for several of queries", new(16, 16, 32, 33, 2, 1, 3, 1) },
            { "ViT-L at 336, rounded", new(64, 64, 577, 577, 2, 2, 1, 1, IsRounded: true) },
            { "causal, rounded", new(72, 80, 130, 200, 2, 2, 1, 1, Mask: "causal", IsRounded: true) },
            { "one query, heads that share keys", new(64, 64, 1, 700, 32, 4, 1, 1, IsHalf: true) },
            { "eight queries, causal", new(128, 128, 8, 600, 8, 2, 1, 1, IsHalf: true, Mask: "causal") },
            { "three queries that see some or nothing", new(64, 64, 3, 300, 4, 4, 1, 1, IsHalf: true, Mask: "nothing") },
            { "two queries in three slices", new(80, 80, 2, 257, 4, 2, 3, 1) },
            { "one token", new(40, 48, 33, 1, 1, 1, 1, 1) },
        };

    [FactOnVectors]
    public void Exponentials_are_within_two_units_of_the_last_place()
    {
        for (float x = 0; x > -86.9f; x -= 0.0137f)
        {
            float got = VectorMath.Exp(Vector512.Create(x))[3];
            Assert.InRange(Math.Abs(got - Math.Exp(x)), 0, 2.4e-7 * Math.Exp(x));
        }

        Assert.Equal(0, VectorMath.Exp(Vector512.Create(float.NegativeInfinity))[0]);
    }

    [Fact]
    public void Halves_become_the_singles_that_they_are()
    {
        ushort[] halves = [.. Enumerable.Range(0, 65536).Select(static bits => (ushort)bits), 1, 2, 3];
        var singles = new float[halves.Length];
        ElementConversion.HalvesToFloat(halves, singles);
        for (int index = 0; index < halves.Length; index++)
            Assert.Equal((float)BitConverter.UInt16BitsToHalf(halves[index]), singles[index]);
    }

    [TheoryOnVectors]
    [MemberData(nameof(Cases))]
    public void The_kernel_computes_what_the_formula_says(string name, AttentionCase shape)
    {
        Assert.NotEmpty(name);
        using var tensors = new AttentionTensors(shape);
        float[] expected = tensors.Expected();
        foreach (int threads in (int[])[1, 3])
        {
            float[] actual = tensors.Compute(threads);
            // Vectors do not round; the unit then does to 8 bits, weights and values of at most one in size.
            float tolerance = shape.IsRounded && MatrixUnit.IsSupported ? 1f / 128 : 2e-5f;
            for (int index = 0; index < expected.Length; index++)
                Assert.InRange(actual[index] - expected[index], -tolerance, tolerance);
        }
    }

    [TheoryOnVectors]
    [InlineData(31, 100, 16, "few queries of few keys")]
    [InlineData(64, 100, 2, "")]
    [InlineData(1, 256, 16, "")]
    [InlineData(4, 256, 16, "")]
    [InlineData(1, 256, 2, "each head has keys of its own")]
    [InlineData(1, 256, 8, "")]
    [InlineData(1, 256, 6, "few heads share keys")]
    [InlineData(31, 256, 16, "more rows than a tile has")]
    public void Few_queries_that_are_sooner_done_by_ggml_are_left_to_it(int queries, int tokens, int heads, string reason)
    {
        using var tensors = new AttentionTensors(new AttentionCase(64, 64, queries, tokens, heads, 2, 1, 1));
        Assert.Equal(reason.Length == 0, tensors.IsSupported(static (ref ggml_tensor _) => { }));
    }

    [FactOnVectors]
    public void What_the_kernel_does_not_know_is_left_to_ggml()
    {
        using var tensors = new AttentionTensors(new AttentionCase(64, 64, 64, 100, 2, 2, 1, 1));
        Assert.True(tensors.IsSupported(static (ref ggml_tensor _) => { }));
        unsafe
        {
            Assert.False(tensors.IsSupported(static (ref ggml_tensor node) => node.op_params[1] = BitConverter.SingleToInt32Bits(8)));
            Assert.False(tensors.IsSupported(static (ref ggml_tensor node) => node.op_params[2] = BitConverter.SingleToInt32Bits(30)));
            Assert.False(tensors.IsSupported(static (ref ggml_tensor node) => node.src[4] = node.src[0]));
            Assert.False(tensors.IsSupported(static (ref ggml_tensor node) => ((ggml_tensor*)node.src[2])->ne[0] = 60));
            Assert.False(
                tensors.IsSupported(static (ref ggml_tensor node) => ((ggml_tensor*)node.src[1])->type = ggml_type.GGML_TYPE_Q4_0)
            );
        }
    }
}

/// <summary>A fact about kernels that only some processors run.</summary>
public sealed class FactOnVectorsAttribute : FactAttribute
{
    public FactOnVectorsAttribute() => Skip = KernelDevice.IsSupported ? null : "This processor has neither AVX2 nor AVX-512.";
}

/// <summary>A theory about kernels that only some processors run.</summary>
public sealed class TheoryOnVectorsAttribute : TheoryAttribute
{
    public TheoryOnVectorsAttribute() => Skip = KernelDevice.IsSupported ? null : "This processor has neither AVX2 nor AVX-512.";
}
