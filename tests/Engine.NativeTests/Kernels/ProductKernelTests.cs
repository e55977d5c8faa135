using System.Diagnostics;
using System.Reflection;
using Tessera.Compute;
using Tessera.Compute.Kernels.Code;
using Tessera.Compute.Kernels.Products;
using Tessera.Native;
using Xunit.Abstractions;
using Xunit.Sdk;

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

    [Theory]
    [OnKernel("FloatsWide")]
    [OnKernel("HalvesWide")]
    [OnKernel("FloatsNarrow")]
    [OnKernel("SymmetricWide")]
    [OnKernel("SymmetricVnni")]
    [OnKernel("SymmetricWords")]
    [OnKernel("SymmetricOf4Bits")]
    [OnKernel("SymmetricOf5Bits")]
    [OnKernel("HalvedWide")]
    [OnKernel("HalvedVnni")]
    [OnKernel("HalvedOf6Bits")]
    [OnKernel("LeastWide")]
    [OnKernel("LeastVnni")]
    [OnKernel("LeastOf4Bits")]
    [OnKernel("LeastOf5Bits")]
    public void Products_are_those_of_the_slow_version(string kernel)
    {
        MachineCodeKernel code = Enum.Parse<MachineCodeKernel>(kernel);
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
    public void The_largest_elements_overflow_nothing()
    {
        ComputeDevice.RegisterKernels();
        foreach (MachineCodeKernel code in Enum.GetValues<MachineCodeKernel>())
        {
            foreach (ggml_type type in Types)
            {
                if (!ProductForms.CanRun(code) || FormWith(code, type) is not { Layout: not null } form)
                    continue;
                using var product = new QuantizedProduct(type, 512, 32, 12, isExtreme: true);
                using var vectors = new VectorProductKernel();
                Assert.InRange(product.WorstError(vectors, form, 1), 0, 2e-5);
            }
        }
    }

    [Fact]
    public void Every_kernel_of_this_processor_passes_its_trial()
    {
        foreach (MachineCodeKernel code in Enum.GetValues<MachineCodeKernel>())
        {
            if (!ProductForms.CanRun(code) || FormOf(code) is not { } form)
                continue;
            // The least of some, as machines are busy; the first is compiled, too.
            double least = double.MaxValue;
            for (int trial = 0; trial < 4 || (least > 5 && trial < 100); trial++)
            {
                var watch = Stopwatch.StartNew();
                Assert.True(ProductTrial.Passes(form), $"{code}");
                least = Math.Min(least, watch.Elapsed.TotalMilliseconds);
            }

            output.WriteLine($"{code}: {least:F2} ms");
            Assert.InRange(least, 0, 5);
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

    // As in ggml's products, where such a weight spoils its own column and such an x its own row.
    [Fact]
    public void What_is_no_number_spoils_its_column_or_its_row()
    {
        ComputeDevice.RegisterKernels();
        foreach (MachineCodeKernel code in Enum.GetValues<MachineCodeKernel>())
        {
            foreach (ggml_type type in (ggml_type[])[ggml_type.GGML_TYPE_F32, ggml_type.GGML_TYPE_Q8_0, ggml_type.GGML_TYPE_Q6_K])
            {
                if (!ProductForms.CanRun(code) || FormWith(code, type) is not { } form)
                    continue;
                using var product = new QuantizedProduct(type, 256, 40, 14);
                var weight = (ggml_tensor*)product.Node->src[0];
                float* x = (float*)((ggml_tensor*)product.Node->src[1])->data;
                foreach ((int column, float value) in ((int, float)[])[(3, float.NaN), (37, float.PositiveInfinity)])
                {
                    byte* stored = weight->data + (ulong)column * weight->nb[1];
                    if (type == ggml_type.GGML_TYPE_F32)
                        *(float*)stored = value;
                    else
                        *(Half*)(stored + (type == ggml_type.GGML_TYPE_Q8_0 ? 0 : 208)) = (Half)value;
                }

                (x[5 * 256 + 100], x[13 * 256]) = (float.NaN, float.NegativeInfinity);
                using var vectors = new VectorProductKernel();
                vectors.Compute(new MatrixProduct(product.Node), form, 2);
                for (int index = 0; index < product.Sums.Length; index++)
                    Assert.Equal(index % 40 is not (3 or 37) && index / 40 is not (5 or 13), float.IsFinite(product.Sums[index]));
            }
        }
    }

    [Fact]
    public void Two_models_at_once_do_not_disturb_each_other()
    {
        ComputeDevice.RegisterKernels();
        if (!ProductForms.AreMade)
            return;
        int most = 2 * Environment.ProcessorCount + 1; // more threads than cores
        Parallel.For(
            0,
            6,
            number =>
            {
                ggml_type type = number % 2 == 0 ? ggml_type.GGML_TYPE_Q8_0 : ggml_type.GGML_TYPE_Q4_K;
                using var product = new QuantizedProduct(type, 512, 64 + number, 20);
                ProductForm form = ProductForms.Of(type, isExact: false, 512, isInterleaved: false);
                using var vectors = new VectorProductKernel();
                foreach (int threads in (int[])[1, 2, most])
                {
                    vectors.Begin();
                    Assert.InRange(product.WorstError(vectors, form, threads), 0, 2e-5);
                }
            }
        );
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

    /// <summary>A form that a kernel computes; null for what is no product on vectors.</summary>
    private static ProductForm? FormOf(MachineCodeKernel kernel) =>
        Types.Select(type => FormWith(kernel, type)).FirstOrDefault(static form => form is not null);

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
        if (kernel == MachineCodeKernel.SymmetricWords)
            return new ProductForm(layout with { IsWords = true }, kernel);
        if (text == $"{name}Wide")
            return new ProductForm(layout.Wide, kernel);
        if (!text.EndsWith("Bits", StringComparison.Ordinal))
            return new ProductForm(layout, kernel);
        int bits = QuantizedBlocks.BitsOf(type);
        return text == $"{name}Of{bits}Bits" ? new ProductForm(layout with { Bits = bits }, kernel) : null;
    }
}

/// <summary>A kernel's name, for a theory; skipped on processors that have not its instructions.</summary>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class OnKernelAttribute : DataAttribute
{
    private readonly string kernel;

    public OnKernelAttribute(string kernel)
    {
        this.kernel = kernel;
        Skip = ProductForms.CanRun(Enum.Parse<MachineCodeKernel>(kernel)) ? null : $"This processor has no instructions for {kernel}.";
    }

    public override IEnumerable<object[]> GetData(MethodInfo testMethod) =>
        [
            [kernel],
        ];
}
