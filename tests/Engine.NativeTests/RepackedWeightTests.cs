using Tessera.Compute;
using Tessera.Compute.Kernels.Products;
using Tessera.Engine.Tests.Compute;
using Tessera.Native;

namespace Tessera.Engine.NativeTests;

/// <summary>Products with weights that ggml has repacked for its own AMX kernels.</summary>
public sealed unsafe class RepackedWeightTests
{
    private const int Depth = 512,
        Columns = 96,
        Rows = 70;

    public RepackedWeightTests() => ComputeDevice.RegisterKernels();

    [TheoryOnRepackedWeights]
    [InlineData((int)ggml_type.GGML_TYPE_Q4_0)]
    [InlineData((int)ggml_type.GGML_TYPE_Q8_0)]
    [InlineData((int)ggml_type.GGML_TYPE_Q4_K)]
    [InlineData((int)ggml_type.GGML_TYPE_Q5_K)]
    [InlineData((int)ggml_type.GGML_TYPE_Q6_K)]
    public void Products_are_those_of_the_weights_before(int type)
    {
        var random = new Random(type);
        float[] values = Numbers(random, Depth * Columns),
            x = Numbers(random, Depth * Rows),
            actual = new float[Columns * Rows];
        using GgmlContextHandle arena = GgmlArena.Create(tensorCapacity: 8);
        ggml_tensor* weight = Ggml.ggml_new_tensor_4d(arena.Pointer, (ggml_type)type, Depth, Columns, 1, 1);
        nint amx = ComputeDevice
            .ExtraBufferTypes(GgmlBackend.ggml_backend_dev_by_type(ggml_backend_dev_type.CPU))
            .Single(RepackedWeights.Is);
        using var buffer = new BackendBufferHandle(GgmlBackend.ggml_backend_alloc_ctx_tensors_from_buft(arena.Pointer, amx));
        var stored = new byte[Ggml.ggml_nbytes(weight)];
        ggml_tensor* given = Ggml.ggml_new_tensor_4d(arena.Pointer, ggml_type.GGML_TYPE_F32, Depth, Rows, 1, 1);
        ggml_tensor* product = Ggml.ggml_mul_mat(arena.Pointer, weight, given);
        fixed (
            float* from = values,
                left = x,
                sums = actual
        )
        fixed (byte* to = stored)
        {
            ggml_type_traits* traits = Ggml.ggml_get_type_traits((ggml_type)type);
            traits->from_float_ref(from, to, values.Length);
            GgmlBackend.ggml_backend_tensor_set(weight, to, 0, (nuint)stored.Length);
            traits->to_float(to, from, values.Length);
            given->data = (byte*)left;
            product->data = (byte*)sums;
            Assert.True(RepackedWeights.CanUnpack((ggml_type)type));
            Assert.True(MatrixProduct.IsSupported(product));
            using var kernel = new MatrixProductKernel();
            kernel.Compute(new MatrixProduct(product), 2);
        }

        for (int index = 0; index < actual.Length; index++)
        {
            double sum = 0,
                squares = 0;
            for (int element = 0; element < Depth; element++)
            {
                double part = (double)values[index % Columns * Depth + element] * x[index / Columns * Depth + element];
                sum += part;
                squares += part * part;
            }

            // Eight standard deviations of rounding both to 8 bits.
            Assert.InRange((actual[index] - sum) / Math.Sqrt(squares), -0.0128, 0.0128);
        }
    }

    [FactOnMatrixUnits]
    public void Types_that_are_packed_otherwise_are_left_to_ggml()
    {
        Assert.False(RepackedWeights.CanUnpack(ggml_type.GGML_TYPE_F16));
        Assert.False(RepackedWeights.CanUnpack((ggml_type)23)); // IQ4_XS
    }

    private static float[] Numbers(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];
}

/// <summary>A theory about what ggml repacks for AMX: some processors have it, and some builds of ggml.</summary>
internal sealed class TheoryOnRepackedWeightsAttribute : TheoryAttribute
{
    public TheoryOnRepackedWeightsAttribute()
    {
        if (!MatrixUnit.IsSupported)
            Skip = "This processor has no AMX.";
        else if (!AreMade())
            Skip = "These native libraries have no kernels for AMX.";
    }

    private static bool AreMade()
    {
        ComputeDevice.RegisterKernels();
        return RepackedWeights.AreMade;
    }
}
