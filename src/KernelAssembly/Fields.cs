using System.Runtime.InteropServices;
using Tessera.Compute.Kernels.Products;

namespace Tessera.KernelAssembly;

/// <summary>Where the fields of a <see cref="ProductCall"/> lie.</summary>
internal static class Fields
{
    public static readonly int RowsAt = At(nameof(ProductCall.Rows)),
        ColumnsAt = At(nameof(ProductCall.Columns)),
        SumsAt = At(nameof(ProductCall.Sums)),
        SumStrideAt = At(nameof(ProductCall.SumStride)),
        StepsAt = At(nameof(ProductCall.Steps)),
        AddsToSumsAt = At(nameof(ProductCall.AddsToSums));

    private static int At(string field) => (int)Marshal.OffsetOf<ProductCall>(field);
}
