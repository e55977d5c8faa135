using Tessera.Native;

namespace Tessera.Compute;

/// <summary>A tensor of a graph or a weight: a view, owned by the arena or store that made it. Dimensions count from the fastest.</summary>
internal readonly unsafe struct Tensor(ggml_tensor* native)
{
    public ggml_tensor* Native => native;

    public bool IsNull => native == null;

    /// <summary>Length of a dimension, 0 (fastest) to 3.</summary>
    public long Size(int dimension) => native->ne[dimension];

    /// <summary>Bytes from one element of a dimension to the next.</summary>
    public nuint Stride(int dimension) => (nuint)native->nb[dimension];

    public long ElementCount => Size(0) * Size(1) * Size(2) * Size(3);

    public nuint ByteLength => Ggml.ggml_nbytes(native);

    /// <summary>Whether its elements are stored in fewer than 16 bits, in blocks.</summary>
    public bool IsQuantized => Ggml.ggml_get_type_traits(native->type)->is_quantized != 0;

    public override string ToString() => $"{native->type} [{Size(0)}, {Size(1)}, {Size(2)}, {Size(3)}]";
}
