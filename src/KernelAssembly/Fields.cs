using System.Runtime.InteropServices;
using Tessera.Compute.Kernels.Products;

namespace Tessera.KernelAssembly;

/// <summary>Where the fields of a call lie, a <see cref="ProductCall"/>'s by name.</summary>
internal static class Fields
{
    /// <summary>The processor's own guesses of what is read next end with each page, so this far ahead it is asked for.</summary>
    public const int BytesAhead = 16384;

    public static readonly int RowsAt = At<ProductCall>(nameof(ProductCall.Rows)),
        ColumnsAt = At<ProductCall>(nameof(ProductCall.Columns)),
        SumsAt = At<ProductCall>(nameof(ProductCall.Sums)),
        SumStrideAt = At<ProductCall>(nameof(ProductCall.SumStride)),
        StepsAt = At<ProductCall>(nameof(ProductCall.Steps)),
        AddsToSumsAt = At<ProductCall>(nameof(ProductCall.AddsToSums));

    /// <summary>Bytes from a call's beginning to a field.</summary>
    public static int At<TCall>(string field)
        where TCall : unmanaged => (int)Marshal.OffsetOf<TCall>(field);
}
