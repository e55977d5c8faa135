using System.Diagnostics;
using Tessera.Compute;
using Tessera.Compute.Kernels.Code;
using Tessera.Compute.Kernels.Products;
using Tessera.Native;
using Xunit.Abstractions;

namespace Tessera.Engine.NativeTests.Kernels;

/// <summary>Products on vectors, each kernel with each type of weight, against the slow obvious version.</summary>
public sealed unsafe class ProductKernelTests(ITestOutputHelper output)
{
    // IQ3_S, as one of those whose grids take ggml long to search.
    private const ggml_type SlowlyMade = (ggml_type)21;

    private static readonly ggml_type[] Types =
    [
        ggml_type.GGML_TYPE_F32,
        ggml_type.GGML_TYPE_F16,
        ggml_type.GGML_TYPE_BF16,
        ggml_type.GGML_TYPE_Q8_0,
        ggml_type.GGML_TYPE_Q4_0,
        ggml_type.GGML_TYPE_Q4_1,
        ggml_type.GGML_TYPE_Q5_0,
        ggml_type.GGML_TYPE_Q5_1,
        ggml_type.GGML_TYPE_Q4_K,
        ggml_type.GGML_TYPE_Q5_K,
        ggml_type.GGML_TYPE_Q6_K,
        ggml_type.GGML_TYPE_IQ4_NL,
        ggml_type.GGML_TYPE_IQ4_XS,
        (ggml_type)10, // Q2_K
        (ggml_type)11, // Q3_K
        SlowlyMade,
    ];

    // Depths within one stretch and beyond, columns and rows around the blocks' sizes.
    private static readonly (int Depth, int Columns, int Rows)[] Shapes =
    [
        (256, 32, 12),
        (512, 33, 1),
        (768, 31, 13),
        (1280, 70, 25),
        (256, 1, 100),
        (2048, 96, 17),
    ];

    public static TheoryData<string> Kernels => [.. Enum.GetNames<MachineCodeKernel>()];

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Products_are_those_of_the_slow_version(string kernel)
    {
        MachineCodeKernel code = Enum.Parse<MachineCodeKernel>(kernel);
        if (!ProductForms.CanRun(code))
        {
            output.WriteLine($"skipped: this processor has no instructions for {kernel}");
            return;
        }

        ComputeDevice.RegisterKernels();
        foreach (ggml_type type in Types)
        {
            if (FormWith(code, type) is not { } form)
                continue;
            foreach ((int depth, int columns, int rows) in type == SlowlyMade ? Shapes.AsSpan(0, 1) : Shapes)
            {
                using var product = new QuantizedProduct(type, depth, columns, rows);
                using var vectors = new VectorProductKernel();
                foreach (int threads in (int[])[1, 3])
                {
                    vectors.Begin();
                    double error = product.WorstError(vectors, form, threads);
                    Assert.True(error < 2e-5, $"{kernel}, {type}, {depth} x {columns} x {rows}: {error}");
                }
            }
        }
    }

    [Fact]
    public void Every_kernel_of_this_processor_passes_its_trial()
    {
        foreach (MachineCodeKernel code in Enum.GetValues<MachineCodeKernel>())
        {
            ggml_type type = code.ToString() switch
            {
                var name when name.StartsWith("Halved", StringComparison.Ordinal) => ggml_type.GGML_TYPE_Q6_K,
                var name when name.StartsWith("Least", StringComparison.Ordinal) => ggml_type.GGML_TYPE_Q4_K,
                _ => ggml_type.GGML_TYPE_Q8_0,
            };
            if (!ProductForms.CanRun(code) || FormWith(code, type) is not { } form)
                continue;
            var watch = Stopwatch.StartNew();
            Assert.True(ProductTrial.Passes(form), $"{code}");
            output.WriteLine($"{code}: {watch.Elapsed.TotalMilliseconds:F2} ms");
        }
    }

    [Fact]
    public void Odd_depths_and_ten_thousand_rows_are_right()
    {
        foreach (MachineCodeKernel code in Enum.GetValues<MachineCodeKernel>())
        {
            if (!ProductForms.CanRun(code) || FormWith(code, ggml_type.GGML_TYPE_F32) is not { } form)
                continue;
            foreach ((int depth, int columns, int rows) in ((int, int, int)[])[(33, 3, 10_000), (588, 41, 100), (4304, 5, 3), (1, 1, 1)])
            {
                using var product = new QuantizedProduct(ggml_type.GGML_TYPE_F32, depth, columns, rows);
                using var vectors = new VectorProductKernel();
                Assert.True(product.WorstError(vectors, form, 2) < 2e-5, $"{code}, {depth} x {columns} x {rows}");
            }
        }
    }

    [Theory]
    [InlineData((int)ggml_type.GGML_TYPE_Q4_K)]
    [InlineData((int)ggml_type.GGML_TYPE_Q4_0)]
    [InlineData((int)ggml_type.GGML_TYPE_IQ4_NL)]
    public void Weights_that_ggml_interleaves_give_the_same(int number)
    {
        var type = (ggml_type)number;
        ComputeDevice.RegisterKernels();
        nint packing = ComputeDevice
            .ExtraBufferTypes(GgmlBackend.ggml_backend_dev_by_type(ggml_backend_dev_type.CPU))
            .FirstOrDefault(InterleavedWeights.Is);
        if (packing == 0 || !ProductForms.AreMade)
        {
            output.WriteLine("skipped: nothing is interleaved here");
            return;
        }

        Assert.True(InterleavedWeights.CanUnpack(type));
        foreach ((int depth, int columns, int rows) in ((int, int, int)[])[(256, 8, 12), (1280, 72, 25), (768, 40, 1)])
        {
            using var product = new QuantizedProduct(type, depth, columns, rows, packing);
            Assert.True(MatrixProduct.IsSupported(product.Node) || MatrixUnit.IsSupported);
            using var vectors = new VectorProductKernel();
            foreach (MachineCodeKernel code in Enum.GetValues<MachineCodeKernel>())
            {
                if (ProductForms.CanRun(code) && FormWith(code, type) is { Layout: not null } form)
                    Assert.True(product.WorstError(vectors, form, 2) < 2e-5, $"{code}, {type}, {depth} x {columns} x {rows}");
                vectors.Begin();
            }
        }
    }

    /// <summary>The form that a kernel computes weights of a type in; null for another kernel's.</summary>
    internal static ProductForm? FormWith(MachineCodeKernel kernel, ggml_type type)
    {
        if (kernel is MachineCodeKernel.FloatsWide or MachineCodeKernel.FloatsNarrow)
            return new ProductForm(RowForm.Floats, null, kernel);
        if (kernel is MachineCodeKernel.HalvesWide)
            return new ProductForm(RowForm.Halves, null, kernel);
        if (QuantizedBlocks.LayoutOf(type) is not { } layout)
            return null;
        string name =
            layout == BlockLayout.Symmetric ? "Symmetric"
            : layout == BlockLayout.Halved ? "Halved"
            : "Least";
        string text = kernel.ToString();
        if (!text.StartsWith(name, StringComparison.Ordinal))
            return null;
        bool isWords = text.EndsWith("Narrow", StringComparison.Ordinal);
        return new ProductForm(isWords ? RowForm.Words : RowForm.Bytes, layout with { IsWords = isWords }, kernel);
    }
}
