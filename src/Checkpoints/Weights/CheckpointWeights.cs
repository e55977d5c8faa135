using System.Text.Json;

namespace Tessera.Checkpoints.Weights;

/// <summary>All weights of a checkpoint's folder, from however many files, by name.</summary>
internal sealed class CheckpointWeights : IDisposable
{
    private readonly List<WeightFile> files = [];
    private readonly Dictionary<string, StoredTensor> byName = new(StringComparer.Ordinal);
    private readonly List<StoredTensor> tensors = [];

    /// <summary>The files, in order.</summary>
    public IReadOnlyList<WeightFile> Files => files;

    /// <summary>The tensors, in the order of the files.</summary>
    public IReadOnlyList<StoredTensor> Tensors => tensors;

    /// <summary>The tensors' names.</summary>
    public IReadOnlyCollection<string> Names => byName.Keys;

    /// <summary>Opens the files that hold the folder's weights: safetensors where there are any, else PyTorch's.</summary>
    /// <exception cref="CheckpointException">There are none, one is damaged or missing, or their index says what is not so.</exception>
    public static CheckpointWeights Open(CheckpointFolder folder)
    {
        foreach (WeightLayout layout in WeightLayout.All)
        {
            IReadOnlyDictionary<string, string>? index = ReadIndex(folder, layout.IndexName);
            string[] names = index is null
                ? [.. folder.FileNames.Where(layout.Matches)]
                : [.. index.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
            if (names.Length == 0)
                continue;
            string[] missing = [.. names.Where(name => !folder.Has(name))];
            if (missing.Length > 0)
                throw new CheckpointException(
                    folder.FullPath,
                    $"the file {CheckpointFolder.Shown(missing[0])} is missing, which {layout.IndexName} names."
                );
            return Open(folder, names, index, layout);
        }

        throw new CheckpointException(
            folder.FullPath,
            "there are no weights in it: neither *.safetensors nor pytorch_model*.bin nor *.pth."
        );
    }

    /// <summary>Opens given files as one set.</summary>
    public static CheckpointWeights Open(CheckpointFolder folder, IReadOnlyList<string> names, WeightLayout layout) =>
        Open(folder, names, null, layout);

    /// <summary>Opens the weights of several folders as one set, each tensor's name behind its folder's name and a full stop.</summary>
    public static CheckpointWeights OpenParts(IReadOnlyList<CheckpointFolder> folders)
    {
        var all = new CheckpointWeights();
        try
        {
            foreach (CheckpointFolder folder in folders)
            {
                CheckpointWeights part = Open(folder);
                all.files.AddRange(part.files);
                foreach (StoredTensor tensor in part.tensors)
                {
                    StoredTensor named = tensor with { Name = $"{folder.Name}.{tensor.Name}" };
                    all.byName.Add(named.Name, named);
                    all.tensors.Add(named);
                }
            }

            return all;
        }
        catch
        {
            all.Dispose();
            throw;
        }
    }

    /// <summary>Opens the weights of a folder, and with them files of another one, whose tensors get a prefix.</summary>
    public static CheckpointWeights OpenWith(CheckpointFolder folder, CheckpointFolder other, IReadOnlyList<string> names, string prefix)
    {
        CheckpointWeights weights = Open(folder);
        try
        {
            foreach (string name in names)
                weights.Add(new WeightFile(other.PathOf(name)), WeightLayout.PyTorchPlain, prefix);
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>Finds a tensor; null if there is none of the name.</summary>
    public StoredTensor? Find(string name) => byName.GetValueOrDefault(name);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (WeightFile file in files)
            file.Dispose();
    }

    private static CheckpointWeights Open(
        CheckpointFolder folder,
        IReadOnlyList<string> names,
        IReadOnlyDictionary<string, string>? index,
        WeightLayout layout
    )
    {
        var weights = new CheckpointWeights();
        try
        {
            foreach (string name in names)
                weights.Add(new WeightFile(folder.PathOf(name)), layout);
            if (index is not null)
                weights.Check(folder.PathOf(layout.IndexName), index);
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    private void Add(WeightFile file, WeightLayout layout, string prefix = "")
    {
        files.Add(file);
        foreach (StoredTensor stored in layout.Read(file))
        {
            StoredTensor tensor = prefix.Length == 0 ? stored : stored with { Name = prefix + stored.Name };
            if (byName.TryAdd(tensor.Name, tensor))
                tensors.Add(tensor);
            else if (byName[tensor.Name].Shape.AsSpan().SequenceEqual(tensor.Shape.AsSpan()) is false)
                throw tensor.Fail($"is also in {byName[tensor.Name].File.Name}, with another shape.");
        }
    }

    private void Check(string indexPath, IReadOnlyDictionary<string, string> index)
    {
        foreach ((string name, string fileName) in index)
        {
            if (Find(name) is not StoredTensor tensor || tensor.File.Name != fileName)
                throw new CheckpointException(
                    indexPath,
                    $"it says that tensor '{CheckpointFolder.Shown(name)}' is in {CheckpointFolder.Shown(fileName)}, but it is not."
                );
        }

        if (tensors.Find(tensor => !index.ContainsKey(tensor.Name)) is StoredTensor extra)
            throw new CheckpointException(
                indexPath,
                $"it does not list tensor '{CheckpointFolder.Shown(extra.Name)}', which {extra.File.Name} holds."
            );
    }

    private static Dictionary<string, string>? ReadIndex(CheckpointFolder folder, string name)
    {
        if (folder.TryReadSettings(name) is not Settings settings)
            return null;
        if (!settings.TryGet("weight_map", out JsonElement map) || map.ValueKind != JsonValueKind.Object)
            throw settings.Wrong("weight_map", "an object");
        var index = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (JsonProperty entry in map.EnumerateObject())
        {
            if (entry.Value.ValueKind != JsonValueKind.String)
                throw settings.Wrong("weight_map", "a map of names to files");
            index[entry.Name] = entry.Value.GetString()!;
        }

        return index;
    }
}

/// <summary>A way in which weights lie in a folder.</summary>
/// <param name="IndexName">The file that says which shard holds which tensor.</param>
/// <param name="Matches">Whether a file belongs to it where there is no index.</param>
/// <param name="Read">Reads a file's table of tensors.</param>
internal sealed record WeightLayout(string IndexName, Func<string, bool> Matches, Func<WeightFile, IReadOnlyList<StoredTensor>> Read)
{
    public static readonly WeightLayout Safetensors = new(
        "model.safetensors.index.json",
        static name =>
            name.EndsWith(".safetensors", StringComparison.Ordinal)
            && !name.StartsWith("consolidated", StringComparison.Ordinal)
            && !name.StartsWith("adapter_", StringComparison.Ordinal),
        SafetensorsFile.Read
    );

    public static readonly WeightLayout PyTorch = new(
        "pytorch_model.bin.index.json",
        static name =>
            (name.StartsWith("pytorch_model", StringComparison.Ordinal) || name.StartsWith("mm_projector", StringComparison.Ordinal))
            && name.EndsWith(".bin", StringComparison.Ordinal),
        PyTorchFile.Read
    );

    public static readonly WeightLayout PyTorchPlain = new(
        "pytorch_model.pth.index.json",
        static name => name.EndsWith(".pth", StringComparison.Ordinal) || name.EndsWith(".pt", StringComparison.Ordinal),
        PyTorchFile.Read
    );

    /// <summary>open_clip's, mlfoundations/open_clip, src/open_clip/constants.py.</summary>
    public static readonly WeightLayout OpenClip = new(
        "open_clip_pytorch_model.bin.index.json",
        static name => name == "open_clip_pytorch_model.bin",
        PyTorchFile.Read
    );

    /// <summary>candle's, which is read where its file is what a folder holds: <see cref="CandleBlip"/>.</summary>
    public static readonly WeightLayout Gguf = new(
        "model.gguf.index.json",
        static name => name.EndsWith(".gguf", StringComparison.Ordinal),
        GgufWeights.Read
    );

    /// <summary>In the order in which they are preferred.</summary>
    public static readonly IReadOnlyList<WeightLayout> All = [Safetensors, PyTorch, OpenClip, PyTorchPlain];
}
