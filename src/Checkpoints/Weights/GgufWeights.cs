using Tessera.Gguf;

namespace Tessera.Checkpoints.Weights;

/// <summary>A GGUF file as one more way in which a checkpoint's weights lie.</summary>
internal static class GgufWeights
{
    /// <summary>Reads the table of tensors.</summary>
    /// <exception cref="CheckpointException">It is no GGUF file, or damaged.</exception>
    public static IReadOnlyList<StoredTensor> Read(WeightFile file)
    {
        try
        {
            using GgufFile gguf = GgufFile.Open(file.Path);
            return [.. gguf.Tensors.Select(tensor => Stored(file, tensor))];
        }
        catch (ModelFileException failure)
        {
            throw new CheckpointException(file.Path, failure.Message.Replace($"{file.Path}: ", "", StringComparison.Ordinal), failure);
        }
    }

    private static StoredTensor Stored(WeightFile file, GgufTensor tensor)
    {
        bool isBlocks = tensor.Type.BlockLength() > 1 && tensor.Type is not (GgufTensorType.Q8_1 or GgufTensorType.Q8_K);
        ElementType type = tensor.Type switch
        {
            GgufTensorType.F32 => ElementType.F32,
            GgufTensorType.F16 => ElementType.F16,
            GgufTensorType.BF16 => ElementType.BF16,
            _ => isBlocks ? ElementType.Blocks : ElementType.Other,
        };
        return new StoredTensor(file, tensor.Name, tensor.Type.ToString(), type, [.. tensor.Shape.Reverse()], tensor.DataOffset)
        {
            Blocks = isBlocks ? tensor.Type : null,
        };
    }
}
