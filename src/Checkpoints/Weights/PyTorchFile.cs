namespace Tessera.Checkpoints.Weights;

internal static class PyTorchFile
{
    public static IReadOnlyList<StoredTensor> Read(WeightFile file) => throw new CheckpointException(file.Path, "not yet.");
}
