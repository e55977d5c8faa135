using Tessera.Compute.Kernels.Code;
using Tessera.Native;

namespace Tessera.Compute.Kernels.Products;

/// <summary>Which form products take on this processor: the one place that decides.</summary>
internal static unsafe class ProductForms
{
    private static readonly KernelLevel Level =
        ProcessorLevel.HasAvx512 && KernelLevels.Allowed >= KernelLevel.Avx512 ? KernelLevel.Avx512
        : ProcessorLevel.HasAvx2 && KernelLevels.Allowed >= KernelLevel.Avx2 ? KernelLevel.Avx2
        : KernelLevel.Ggml;

    private static readonly ProductForm Floats = new(
        RowForm.Floats,
        null,
        Level == KernelLevel.Avx512 ? MachineCodeKernel.FloatsWide : MachineCodeKernel.FloatsNarrow
    );

    private static readonly ProductForm? Halves =
        Level == KernelLevel.Avx512 && ProcessorLevel.HasAvx512Bf16 ? new(RowForm.Halves, null, MachineCodeKernel.HalvesWide) : null;

    /// <summary>Whether there are kernels for this processor that the system allows.</summary>
    public static bool AreMade => Level > KernelLevel.Ggml && KernelCode.IsAllowed;

    /// <summary>Whether products that may be rounded are in bfloat16.</summary>
    public static bool HasHalves => AreMade && Halves is not null;

    /// <summary>The form of a product of a weight.</summary>
    /// <param name="type">The weight's type.</param>
    /// <param name="isExact">Whether it must be as exact as single precision.</param>
    public static ProductForm Of(ggml_type type, bool isExact)
    {
        if (isExact)
            return Floats;
        if (QuantizedBlocks.LayoutOf(type) is { } layout)
            return OfBlocks(layout) ?? Floats;
        return Halves ?? Floats;
    }

    /// <summary>Whether this processor has a kernel's instructions.</summary>
    public static bool CanRun(MachineCodeKernel kernel) =>
        KernelCode.IsAllowed
        && kernel switch
        {
            MachineCodeKernel.FloatsWide => ProcessorLevel.HasAvx512,
            MachineCodeKernel.HalvesWide => ProcessorLevel.HasAvx512Bf16,
            MachineCodeKernel.SymmetricWide or MachineCodeKernel.HalvedWide or MachineCodeKernel.LeastWide =>
                ProcessorLevel.HasAvx512Vnni,
            MachineCodeKernel.SymmetricVnni or MachineCodeKernel.HalvedVnni or MachineCodeKernel.LeastVnni => ProcessorLevel.HasAvxVnni,
            _ => ProcessorLevel.HasAvx2,
        };

    /// <summary>A kernel of the table.</summary>
    public static delegate* unmanaged<ProductCall*, void> Entry(MachineCodeKernel kernel) =>
        (delegate* unmanaged<ProductCall*, void>)KernelCode.Entry(kernel);

    private static ProductForm OfBlocks(BlockLayout layout)
    {
        MachineCodeKernel first =
            layout.HasLeast ? MachineCodeKernel.LeastWide
            : layout.GroupCount == 2 ? MachineCodeKernel.HalvedWide
            : MachineCodeKernel.SymmetricWide;
        if (Level == KernelLevel.Avx512 && ProcessorLevel.HasAvx512Vnni)
            return new ProductForm(RowForm.Bytes, layout, first);
        return ProcessorLevel.HasAvxVnni
            ? new ProductForm(RowForm.Bytes, layout, first + 1)
            : new ProductForm(RowForm.Words, layout with { IsWords = true }, first + 2);
    }
}
