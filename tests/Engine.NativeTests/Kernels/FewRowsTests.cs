using Tessera.Compute;
using Tessera.Compute.Kernels.Code;
using Tessera.Compute.Kernels.Products;
using Tessera.Native;

namespace Tessera.Engine.NativeTests.Kernels;

/// <summary>Products of few rows with weights as they lie, against the slow obvious version.</summary>
public sealed unsafe class FewRowsTests
{
    private static nint Packing =>
        ComputeDevice
            .ExtraBufferTypes(GgmlBackend.ggml_backend_dev_by_type(ggml_backend_dev_type.CPU))
            .FirstOrDefault(InterleavedWeights.Is);

    [FewRowsTheory]
    [InlineData("one row, Q8_0")]
    [InlineData("one row, Q4_K")]
    [InlineData("one row, Q6_K")]
    [InlineData("eight rows, Q8_0")]
    [InlineData("eight rows, Q4_K")]
    public void Machine_code_passes_its_trial(string which)
    {
        bool isThere = which switch
        {
            "one row, Q8_0" => ColumnKernels.HasQ8,
            "one row, Q4_K" => SuperBlockKernels.Has(ggml_type.GGML_TYPE_Q4_K),
            "one row, Q6_K" => SuperBlockKernels.Has(ggml_type.GGML_TYPE_Q6_K),
            "eight rows, Q8_0" => LaneKernels.Q8 != null,
            _ => LaneKernels.Q4K != null,
        };
        Assert.Equal(KernelCode.IsAllowed, isThere);
    }

    [FewRowsTheory]
    [InlineData((int)ggml_type.GGML_TYPE_Q8_0, 32, 1, 1)]
    [InlineData((int)ggml_type.GGML_TYPE_Q8_0, 288, 33, 2)]
    [InlineData((int)ggml_type.GGML_TYPE_Q8_0, 2048, 97, 4)]
    [InlineData((int)ggml_type.GGML_TYPE_Q8_0, 96, 5, 8)]
    [InlineData((int)ggml_type.GGML_TYPE_Q8_0, 1056, 43, 13)]
    [InlineData((int)ggml_type.GGML_TYPE_Q4_K, 256, 8, 1)]
    [InlineData((int)ggml_type.GGML_TYPE_Q4_K, 2048, 520, 1)]
    [InlineData((int)ggml_type.GGML_TYPE_Q4_K, 768, 24, 2)]
    [InlineData((int)ggml_type.GGML_TYPE_Q4_K, 512, 24, 5)]
    [InlineData((int)ggml_type.GGML_TYPE_Q4_K, 768, 40, 16)]
    [InlineData((int)ggml_type.GGML_TYPE_Q4_K, 1280, 72, 3)]
    [InlineData((int)ggml_type.GGML_TYPE_Q6_K, 256, 1, 1)]
    [InlineData((int)ggml_type.GGML_TYPE_Q6_K, 2048, 515, 1)]
    [InlineData((int)ggml_type.GGML_TYPE_Q6_K, 768, 37, 2)]
    [InlineData((int)ggml_type.GGML_TYPE_Q6_K, 512, 70, 16)]
    public void Products_are_those_of_the_slow_version(int number, int depth, int columns, int rows)
    {
        var type = (ggml_type)number;
        ComputeDevice.RegisterKernels();
        bool isInterleaved = type == ggml_type.GGML_TYPE_Q4_K;
        // Builds of ggml for matrix units interleave nothing.
        if (isInterleaved && Packing == 0)
            return;
        using var product = new QuantizedProduct(type, depth, columns, rows, isInterleaved ? Packing : 0);
        Assert.True(FewRowsKernel.Takes(new MatrixProduct(product.Node)));
        using var kernel = new FewRowsKernel();
        foreach (int threads in (int[])[1, 3])
        {
            kernel.Begin();
            Assert.InRange(product.WorstError(kernel, threads), 0, 2e-5);
        }
    }

    [FewRowsTheory]
    [InlineData((int)ggml_type.GGML_TYPE_Q8_0, 256, 8, 17, "more rows")]
    [InlineData((int)ggml_type.GGML_TYPE_Q5_K, 256, 8, 1, "a type that ggml is faster with")]
    [InlineData((int)ggml_type.GGML_TYPE_Q6_K, 256, 8, 17, "more rows")]
    [InlineData((int)ggml_type.GGML_TYPE_Q4_K, 256, 8, 4, "not interleaved")]
    [InlineData((int)ggml_type.GGML_TYPE_F16, 256, 8, 1, "another type")]
    public void Others_are_left_alone(int type, int depth, int columns, int rows, string why)
    {
        ComputeDevice.RegisterKernels();
        using var product = new QuantizedProduct((ggml_type)type, depth, columns, rows);
        Assert.False(FewRowsKernel.Takes(new MatrixProduct(product.Node)), why);
    }

    [FewRowsTheory]
    [InlineData((int)ggml_type.GGML_TYPE_Q8_0, 0, 2)]
    [InlineData((int)ggml_type.GGML_TYPE_Q8_0, 0, 9)]
    [InlineData((int)ggml_type.GGML_TYPE_Q6_K, 208, 1)]
    [InlineData((int)ggml_type.GGML_TYPE_Q6_K, 208, 3)]
    public void Scales_that_are_no_numbers_spoil_their_columns_alone(int number, int scaleAt, int rows)
    {
        ComputeDevice.RegisterKernels();
        using var product = new QuantizedProduct((ggml_type)number, 256, 16, rows);
        var weight = (ggml_tensor*)product.Node->src[0];
        foreach ((int column, Half value) in ((int, Half)[])[(3, Half.NaN), (7, Half.PositiveInfinity)])
            *(Half*)(weight->data + (ulong)column * weight->nb[1] + (ulong)scaleAt) = value;
        using var kernel = new FewRowsKernel();
        kernel.Compute(new MatrixProduct(product.Node), threadCount: 2);
        for (int index = 0; index < product.Sums.Length; index++)
            Assert.Equal(index % 16 is not (3 or 7), float.IsFinite(product.Sums[index]));
    }
}

/// <summary>A theory for processors with AVX2.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class FewRowsTheoryAttribute : TheoryAttribute
{
    public FewRowsTheoryAttribute() =>
        Skip =
            !ProcessorLevel.HasAvx2 ? "This processor has no AVX2."
            : KernelLevels.Allowed < KernelLevel.Avx2 ? $"{KernelLevels.Variable} forbids it."
            : null;
}
