namespace Tessera.Checkpoints.Weights;

/// <summary>
/// The files that MiniGPT-4 and v2 were released as, beside the language model's folder or in it: what their authors trained, and with it
/// BLIP-2's Q-Former and EVA's tower (Vision-CAIR/MiniGPT-4, README.md; minigpt4/models/minigpt4.py and eva_vit.py). They are told by
/// what is in them, whatever they are called.
/// </summary>
internal static class MiniGptPieces
{
    /// <summary>What stands before the names of their tensors.</summary>
    public const string Prefix = "minigpt.";

    private const string OwnTensor = "llama_proj.weight";

    /// <summary>The names of the files, if one of them is the authors' own; none otherwise.</summary>
    public static IReadOnlyList<string> Find(CheckpointFolder root)
    {
        var names = new List<string>();
        string? own = null;
        foreach (string name in root.FileNames.Where(WeightLayout.PyTorchPlain.Matches))
        {
            if (TryReadNames(root, name) is not { } tensors)
                continue;
            if (own is null && tensors.Contains(OwnTensor))
                own = name;
            else
                names.Add(name);
        }

        // What the authors trained stands before what they began with.
        return own is null ? [] : [own, .. names];
    }

    /// <summary>The language model's folder: the root where it has a configuration, else the one folder in it that has.</summary>
    /// <exception cref="CheckpointException">There is none, or there are several.</exception>
    public static CheckpointFolder LanguageFolder(CheckpointFolder root)
    {
        if (root.Has("config.json"))
            return root;
        string[] folders =
        [
            .. Directory.EnumerateDirectories(root.FullPath).Where(static path => File.Exists(Path.Combine(path, "config.json"))),
        ];
        return folders.Length == 1
            ? new CheckpointFolder(folders[0])
            : throw new CheckpointException(
                root.FullPath,
                $"it is a MiniGPT-4, whose language model's folder belongs beside its files; {folders.Length} folders in it have a config.json."
            );
    }

    // What else is saved in this way, such as an optimizer's state, is none of them.
    private static HashSet<string>? TryReadNames(CheckpointFolder root, string name)
    {
        try
        {
            using var file = new WeightFile(root.PathOf(name));
            return [.. PyTorchFile.Read(file).Select(static tensor => tensor.Name)];
        }
        catch (CheckpointException)
        {
            return null;
        }
    }
}
