using Tessera.Compute;
using Tessera.Compute.Kernels.Code;
using Tessera.Compute.Kernels.Products;
using Tessera.Native;

namespace Tessera.Engine.NativeTests.Kernels;

/// <summary>Weights that hold infinity or what is no number: products are what ggml makes of them.</summary>
public sealed unsafe class SpoiledWeightTests
{
    private const int Depth = 512,
        Columns = 40,
        Rows = 20;

    [Theory]
    [InlineData((int)ggml_type.GGML_TYPE_F32, 0)]
    [InlineData((int)ggml_type.GGML_TYPE_F16, 0)]
    [InlineData((int)ggml_type.GGML_TYPE_Q8_0, 0)]
    [InlineData((int)ggml_type.GGML_TYPE_Q4_0, 0)]
    [InlineData((int)ggml_type.GGML_TYPE_Q4_K, 0)]
    [InlineData((int)ggml_type.GGML_TYPE_Q6_K, 208)]
    public void Products_are_finite_where_those_of_ggml_are(int number, int spoiledAt)
    {
        var type = (ggml_type)number;
        using ComputeDevice ggml = ComputeDevice.Open(useKernels: false);
        ComputeDevice.RegisterKernels();
        using var product = new QuantizedProduct(type, Depth, Columns, Rows);
        var weight = (ggml_tensor*)product.Node->src[0];
        foreach ((int column, float value) in ((int, float)[])[(3, float.NaN), (37, float.PositiveInfinity), (8, float.NegativeInfinity)])
        {
            byte* stored = weight->data + (ulong)column * weight->nb[1] + spoiledAt;
            if (type == ggml_type.GGML_TYPE_F32)
                *(float*)stored = value;
            else
                *(Half*)stored = (Half)value;
        }

        using (var runner = new GraphRunner(ggml, nodeCapacity: 16))
        using (Graph graph = runner.NewGraph())
        {
            Ggml.ggml_build_forward_expand(graph.Native, product.Node);
            runner.Run(graph);
        }

        float[] expected = product.Sums.ToArray();
        Assert.Contains(expected, static sum => !float.IsFinite(sum));
        foreach (MachineCodeKernel code in Enum.GetValues<MachineCodeKernel>())
        {
            if (!ProductForms.CanRun(code) || ProductKernelTests.FormWith(code, type) is not { } form)
                continue;
            using var vectors = new VectorProductKernel();
            vectors.Compute(new MatrixProduct(product.Node), form, 2);
            for (int index = 0; index < expected.Length; index++)
            {
                Assert.True(
                    float.IsFinite(expected[index]) == float.IsFinite(product.Sums[index]),
                    $"{code}, column {index % Columns}: {product.Sums[index]}, ggml {expected[index]}"
                );
                if (float.IsFinite(expected[index]))
                    Assert.InRange(product.Sums[index] - expected[index], -1, 1);
            }
        }
    }
}
