using System.Diagnostics.CodeAnalysis;

namespace Tessera.Gguf;

/// <summary>Block lengths and sizes of the tensor types, from <c>type_traits</c> of ggml 0.25.1 (ggml.c).</summary>
public static class GgufTensorTypes
{
    /// <summary>The most dimensions a tensor has (<c>GGML_MAX_DIMS</c>).</summary>
    public const int MaxDimensionCount = 4;

    /// <summary>The number of elements that are stored together; a row is a whole number of blocks.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The type is not one of the enum's.</exception>
    public static int BlockLength(this GgufTensorType type) => Layout(type).BlockLength;

    /// <summary>The bytes that one block takes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The type is not one of the enum's.</exception>
    public static int BlockByteLength(this GgufTensorType type) => Layout(type).BlockByteLength;

    /// <summary>Whether the number is a type of ggml 0.25.1 (numbers of removed types are not).</summary>
    public static bool IsKnown(this GgufTensorType type) => Find(type) is not null;

    /// <summary>Computes the number of elements and of bytes of a tensor, and says what is wrong with a shape that has none.</summary>
    internal static bool TryMeasure(
        GgufTensorType type,
        ReadOnlySpan<long> shape,
        out long elementCount,
        out long byteLength,
        [NotNullWhen(false)] out string? problem
    )
    {
        elementCount = 1;
        byteLength = 0;
        problem = null;
        if (shape.Length is < 1 or > MaxDimensionCount)
            problem = $"has {shape.Length} dimensions instead of 1 to {MaxDimensionCount}";
        else if (Find(type) is not var (blockLength, blockByteLength))
            problem = $"is of the unknown tensor type {(uint)type}";
        else if (!TryMultiply(shape, out elementCount))
            problem = $"has the impossible shape {ShapeText(shape)}";
        else if (shape[0] % blockLength != 0)
            problem = $"has rows of {shape[0]} elements, which {type} cannot store in blocks of {blockLength}";
        else if (elementCount / blockLength > long.MaxValue / blockByteLength)
            problem = $"has the impossible shape {ShapeText(shape)}";
        else
            byteLength = elementCount / blockLength * blockByteLength;
        return problem is null;
    }

    /// <summary>A shape for people, fastest dimension first.</summary>
    internal static string ShapeText(ReadOnlySpan<long> shape) => $"[{string.Join(", ", shape.ToArray())}]";

    private static bool TryMultiply(ReadOnlySpan<long> shape, out long product)
    {
        product = 1;
        foreach (long length in shape)
        {
            if (length < 1 || product > long.MaxValue / length)
                return false;
            product *= length;
        }
        return true;
    }

    private static (int BlockLength, int BlockByteLength) Layout(GgufTensorType type) =>
        Find(type) ?? throw new ArgumentOutOfRangeException(nameof(type), type, "ggml 0.25.1 has no such tensor type.");

    private static (int BlockLength, int BlockByteLength)? Find(GgufTensorType type) =>
        type switch
        {
            GgufTensorType.F32 => (1, 4),
            GgufTensorType.F16 => (1, 2),
            GgufTensorType.Q4_0 => (32, 18),
            GgufTensorType.Q4_1 => (32, 20),
            GgufTensorType.Q5_0 => (32, 22),
            GgufTensorType.Q5_1 => (32, 24),
            GgufTensorType.Q8_0 => (32, 34),
            GgufTensorType.Q8_1 => (32, 36),
            GgufTensorType.Q2_K => (256, 84),
            GgufTensorType.Q3_K => (256, 110),
            GgufTensorType.Q4_K => (256, 144),
            GgufTensorType.Q5_K => (256, 176),
            GgufTensorType.Q6_K => (256, 210),
            GgufTensorType.Q8_K => (256, 292),
            GgufTensorType.IQ2_XXS => (256, 66),
            GgufTensorType.IQ2_XS => (256, 74),
            GgufTensorType.IQ3_XXS => (256, 98),
            GgufTensorType.IQ1_S => (256, 50),
            GgufTensorType.IQ4_NL => (32, 18),
            GgufTensorType.IQ3_S => (256, 110),
            GgufTensorType.IQ2_S => (256, 82),
            GgufTensorType.IQ4_XS => (256, 136),
            GgufTensorType.I8 => (1, 1),
            GgufTensorType.I16 => (1, 2),
            GgufTensorType.I32 => (1, 4),
            GgufTensorType.I64 => (1, 8),
            GgufTensorType.F64 => (1, 8),
            GgufTensorType.IQ1_M => (256, 56),
            GgufTensorType.BF16 => (1, 2),
            GgufTensorType.TQ1_0 => (256, 54),
            GgufTensorType.TQ2_0 => (256, 66),
            GgufTensorType.MXFP4 => (32, 17),
            GgufTensorType.NVFP4 => (64, 36),
            GgufTensorType.Q1_0 => (128, 18),
            GgufTensorType.Q2_0 => (64, 18),
            _ => null,
        };
}
