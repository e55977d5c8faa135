namespace Tessera.Checkpoints.Weights;

/// <summary>
/// The file that OpenFlamingo was released as, <c>checkpoint.pt</c>: what its authors trained, beside the language model's folder or in it
/// (mlfoundations/open_flamingo, open_flamingo/train/train_utils.py, filter_state_dict_to_trainable). It is told by what is in it.
/// </summary>
internal static class FlamingoPieces
{
    /// <summary>What stands before the names of its tensors.</summary>
    public const string Prefix = "flamingo.";

    private const string OwnTensor = "perceiver.latents";

    /// <summary>The file's name; none where there is no such file.</summary>
    public static IReadOnlyList<string> Find(CheckpointFolder root) =>
        [.. root.FileNames.Where(WeightLayout.PyTorchPlain.Matches).Where(name => Holds(root, name)).Take(1)];

    /// <summary>The language model's folder: the root where it has a configuration, else the one folder in it that has one of no vision
    /// tower.</summary>
    /// <exception cref="CheckpointException">There is none, or there are several.</exception>
    public static CheckpointFolder LanguageFolder(CheckpointFolder root)
    {
        if (root.Has("config.json"))
            return root;
        CheckpointFolder[] folders =
        [
            .. Directory
                .EnumerateDirectories(root.FullPath)
                .Where(static path => File.Exists(Path.Combine(path, "config.json")))
                .Select(static path => new CheckpointFolder(path))
                .Where(static folder =>
                    folder.ReadSettings("config.json").TryText("model_type")?.StartsWith("clip", StringComparison.Ordinal) != true
                ),
        ];
        return folders.Length == 1
            ? folders[0]
            : throw new CheckpointException(
                root.FullPath,
                $"it is an OpenFlamingo, whose language model's folder belongs beside its file; {folders.Length} folders in it have a config.json."
            );
    }

    private static bool Holds(CheckpointFolder root, string name)
    {
        try
        {
            using var file = new WeightFile(root.PathOf(name));
            return PyTorchFile.Read(file).Any(static tensor => tensor.Name.EndsWith(OwnTensor, StringComparison.Ordinal));
        }
        catch (CheckpointException)
        {
            return false;
        }
    }
}
