using Tessera.Gguf;
using Tessera.Native;

namespace Tessera.Compute;

/// <summary>A model file's tensors by name, required to be there, of the shape and of a type that the use takes.</summary>
internal static class RequiredTensors
{
    /// <summary>A matrix that is multiplied or looked up: [inputs, outputs].</summary>
    /// <exception cref="ModelFileException">It is missing, has another shape, or a type that cannot be multiplied.</exception>
    public static GgufTensor RequireMatrix(this GgufFile file, string name, long inputs, long outputs)
    {
        GgufTensor tensor = Require(file, name, inputs * outputs, [inputs, outputs]);
        return MatrixPlacement.CanMultiply((ggml_type)(int)tensor.Type)
            ? tensor
            : throw new ModelFileException(file.Path, $"tensor '{name}' has type {tensor.Type}, which no matrix product takes.");
    }

    /// <summary>A convolution kernel that cuts patches: [patch, patch, channels, outputs].</summary>
    /// <exception cref="ModelFileException">It is missing or has another shape or type.</exception>
    public static GgufTensor RequirePatchKernel(this GgufFile file, string name, long patchSize, long channels, long outputs)
    {
        GgufTensor tensor = Require(file, name, patchSize * patchSize * channels * outputs, [patchSize, patchSize, channels, outputs]);
        return tensor.Type is GgufTensorType.F16 or GgufTensorType.F32 or GgufTensorType.BF16
            ? tensor
            : throw new ModelFileException(file.Path, $"tensor '{name}' has type {tensor.Type}; a patch kernel is F16, BF16 or F32.");
    }

    /// <summary>So many values, in whatever shape, that become float32.</summary>
    /// <exception cref="ModelFileException">It is missing, has another number of elements, or a type that is not converted.</exception>
    public static GgufTensor RequireValues(this GgufFile file, string name, long count)
    {
        GgufTensor tensor = Require(file, name, count, null);
        return ElementConversion.IsConvertible(tensor.Type)
            ? tensor
            : throw new ModelFileException(file.Path, $"tensor '{name}' has type {tensor.Type}, which is not converted to float32.");
    }

    private static GgufTensor Require(GgufFile file, string name, long elementCount, long[]? shape)
    {
        if (!file.TryGetTensor(name, out GgufTensor? tensor))
            throw new ModelFileException(file.Path, $"tensor '{name}' is missing.");
        bool fits = shape is null ? tensor.ElementCount == elementCount : SameShape(tensor.Shape, shape);
        return fits
            ? tensor
            : throw new ModelFileException(
                file.Path,
                $"tensor '{name}' has shape {string.Join(" x ", tensor.Shape)}, not "
                    + $"{(shape is null ? $"{elementCount} values" : string.Join(" x ", shape))}."
            );
    }

    // Trailing dimensions of length 1 carry no meaning.
    private static bool SameShape(IReadOnlyList<long> actual, long[] expected)
    {
        for (int dimension = 0; dimension < Math.Max(actual.Count, expected.Length); dimension++)
        {
            long a = dimension < actual.Count ? actual[dimension] : 1,
                b = dimension < expected.Length ? expected[dimension] : 1;
            if (a != b)
                return false;
        }

        return true;
    }
}
