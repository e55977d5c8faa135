using Tessera.Compute.Kernels;
using Tessera.Compute.Kernels.Products;
using Tessera.Native;

namespace Tessera.Engine.Tests.Compute;

/// <summary>Which products Tessera's kernels take, on processors with matrix units and without.</summary>
public sealed unsafe class KernelDispatchTests
{
    [Theory]
    [InlineData(false, false, true)] // Vectors only: ggml's packing is the fastest there is.
    [InlineData(true, true, true)] // ggml packs for the units, and Tessera's kernels read that.
    [InlineData(true, false, false)] // ggml would pack for vectors, and keep the weights from the units.
    public void Weights_stay_plain_only_for_matrix_units_that_ggml_does_not_know(bool hasUnits, bool isForUnits, bool expected) =>
        Assert.Equal(expected, KernelDevice.IsRepackingBest(hasUnits, isForUnits));

    [Fact]
    public void Without_a_build_for_AMX_nothing_is_taken_for_repacked()
    {
        if (RepackedWeights.AreMade)
            return;
        ggml_tensor weight = default;
        Assert.False(RepackedWeights.Is(0));
        Assert.False(RepackedWeights.Holds(&weight));
        Assert.False(RepackedWeights.CanUnpack(ggml_type.GGML_TYPE_Q4_K));
    }
}
