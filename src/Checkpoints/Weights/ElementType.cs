namespace Tessera.Checkpoints.Weights;

/// <summary>How a checkpoint stores the elements of a tensor.</summary>
internal enum ElementType
{
    F32,
    F16,
    BF16,

    /// <summary>Rows of ggml's quantized blocks, which are passed on as they are.</summary>
    Blocks,

    /// <summary>Whole numbers, double precision, eight bits: never converted, but there beside what is.</summary>
    Other,
}

/// <summary>Facts about the types.</summary>
internal static class ElementTypes
{
    /// <summary>Bytes of an element of a type that is converted.</summary>
    public static int ByteLength(this ElementType type) => type == ElementType.F32 ? 4 : 2;
}
