using Tessera.Compute.Kernels.Code;
using Tessera.Native;

namespace Tessera.Compute.Kernels.Products;

/// <summary>Which form products take on this processor: the one place that decides.</summary>
internal static unsafe class ProductForms
{
    private const int LeastDepthOfBytes = 512;

    private static readonly ProductForm? Floats = FirstOf(
        new ProductForm(RowForm.Floats, null, MachineCodeKernel.FloatsWide),
        new ProductForm(RowForm.Floats, null, MachineCodeKernel.FloatsNarrow)
    );

    private static readonly ProductForm? Halves = FirstOf(new ProductForm(RowForm.Halves, null, MachineCodeKernel.HalvesWide));

    // By the bits of the weight's elements, which matter where words hold sums of products of bytes.
    private static readonly ProductForm? Symmetric = OfBlocks(BlockLayout.Symmetric, 8, MachineCodeKernel.SymmetricWords),
        SymmetricOf4Bits = OfBlocks(BlockLayout.Symmetric, 4, MachineCodeKernel.SymmetricOf4Bits),
        SymmetricOf5Bits = OfBlocks(BlockLayout.Symmetric, 5, MachineCodeKernel.SymmetricOf5Bits),
        HalvedOf6Bits = OfBlocks(BlockLayout.Halved, 6, MachineCodeKernel.HalvedOf6Bits),
        LeastOf4Bits = OfBlocks(BlockLayout.Least, 4, MachineCodeKernel.LeastOf4Bits),
        LeastOf5Bits = OfBlocks(BlockLayout.Least, 5, MachineCodeKernel.LeastOf5Bits);

    /// <summary>Whether there are kernels for this processor that the system allows.</summary>
    public static bool AreMade => Floats is not null;

    /// <summary>Whether products that may be rounded are in bfloat16.</summary>
    public static bool HasHalves => Halves is not null;

    /// <summary>The kernels that are used.</summary>
    public static IEnumerable<MachineCodeKernel> Used =>
        ((ProductForm?[])[Floats, Halves, Symmetric, SymmetricOf4Bits, SymmetricOf5Bits, HalvedOf6Bits, LeastOf4Bits, LeastOf5Bits])
            .OfType<ProductForm>()
            .Select(static form => form.Kernel)
            .Distinct();

    /// <summary>The form of a product of a weight; there is one where <see cref="AreMade"/>.</summary>
    /// <param name="type">The weight's type.</param>
    /// <param name="isExact">Whether it must be as exact as single precision.</param>
    /// <param name="depth">Elements of a sum.</param>
    /// <param name="isInterleaved">Whether the weight is one that only blocks can be read of.</param>
    public static ProductForm Of(ggml_type type, bool isExact, int depth, bool isInterleaved)
    {
        if (isExact)
            return Floats!;
        BlockLayout? layout = QuantizedBlocks.LayoutOf(type);
        int bits = QuantizedBlocks.BitsOf(type);
        ProductForm? blocks =
            layout == null ? null
            : layout == BlockLayout.Halved ? HalvedOf6Bits
            : layout == BlockLayout.Least ? (bits == 4 ? LeastOf4Bits : LeastOf5Bits)
            : bits switch
            {
                4 => SymmetricOf4Bits,
                5 => SymmetricOf5Bits,
                _ => Symmetric,
            };
        // Sums of few elements average the rounding of x to bytes less, and cost little anyway.
        bool isShort = depth < LeastDepthOfBytes && !isInterleaved && blocks is { Rows: RowForm.Bytes or RowForm.PowerBytes };
        return (isShort ? null : blocks) ?? Halves ?? Floats!;
    }

    /// <summary>Whether this processor has a kernel's instructions.</summary>
    public static bool CanRun(MachineCodeKernel kernel) =>
        KernelCode.IsAllowed
        && kernel switch
        {
            MachineCodeKernel.FloatsWide => ProcessorLevel.HasAvx512,
            MachineCodeKernel.HalvesWide => ProcessorLevel.HasAvx512Bf16,
            MachineCodeKernel.SymmetricWide or MachineCodeKernel.HalvedWide or MachineCodeKernel.LeastWide => ProcessorLevel.HasAvx512Vnni,
            MachineCodeKernel.SymmetricVnni or MachineCodeKernel.HalvedVnni or MachineCodeKernel.LeastVnni => ProcessorLevel.HasAvxVnni,
            MachineCodeKernel.ConfigureUnit
            or MachineCodeKernel.SaveUnit
            or MachineCodeKernel.MultiplyOnUnit
            or MachineCodeKernel.ColumnsWide
            or MachineCodeKernel.ColumnsNarrow
            or MachineCodeKernel.LanesWide
            or MachineCodeKernel.LanesNarrow
            or MachineCodeKernel.NibblesWide
            or MachineCodeKernel.NibblesNarrow
            or MachineCodeKernel.WidenHalves => false,
            _ => ProcessorLevel.HasAvx2,
        };

    /// <summary>What people read of a kernel.</summary>
    public static string NameOf(MachineCodeKernel kernel) =>
        kernel switch
        {
            MachineCodeKernel.FloatsWide => "products: AVX-512, float32",
            MachineCodeKernel.FloatsNarrow => "products: AVX2, float32",
            MachineCodeKernel.HalvesWide => "products: AVX-512, bfloat16",
            MachineCodeKernel.SymmetricWide or MachineCodeKernel.HalvedWide or MachineCodeKernel.LeastWide =>
                "products: AVX-512 VNNI, int8",
            MachineCodeKernel.SymmetricVnni or MachineCodeKernel.HalvedVnni or MachineCodeKernel.LeastVnni => "products: AVX-VNNI, int8",
            MachineCodeKernel.SymmetricWords => "products: AVX2, int16",
            _ => "products: AVX2, int8",
        };

    /// <summary>A kernel of the table.</summary>
    public static delegate* unmanaged<ProductCall*, void> Entry(MachineCodeKernel kernel) =>
        (delegate* unmanaged<ProductCall*, void>)KernelCode.Entry(kernel);

    private static ProductForm? OfBlocks(BlockLayout layout, int bits, MachineCodeKernel narrow)
    {
        (MachineCodeKernel wide, MachineCodeKernel vnni) =
            layout == BlockLayout.Symmetric ? (MachineCodeKernel.SymmetricWide, MachineCodeKernel.SymmetricVnni)
            : layout == BlockLayout.Halved ? (MachineCodeKernel.HalvedWide, MachineCodeKernel.HalvedVnni)
            : (MachineCodeKernel.LeastWide, MachineCodeKernel.LeastVnni);
        return FirstOf(
            new ProductForm(layout.Wide, wide),
            new ProductForm(layout, vnni),
            new ProductForm(bits == 8 ? layout with { IsWords = true } : layout with { Bits = bits }, narrow)
        );
    }

    // The fastest that the processor has, the user allows, and that computes what it should.
    private static ProductForm? FirstOf(params ReadOnlySpan<ProductForm> forms)
    {
        foreach (ProductForm form in forms)
        {
            bool isWide = form.Kernel.ToString().EndsWith("Wide", StringComparison.Ordinal);
            KernelLevel level = isWide ? KernelLevel.Avx512 : KernelLevel.Avx2;
            if (KernelLevels.Allowed >= level && CanRun(form.Kernel) && ProductTrial.Passes(form))
                return form;
        }

        return null;
    }
}
