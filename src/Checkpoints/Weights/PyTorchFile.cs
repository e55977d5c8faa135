using System.Collections;

namespace Tessera.Checkpoints.Weights;

/// <summary>
/// The table of tensors of a file that torch.save wrote (since PyTorch 1.6 a zip archive): a pickle that says which tensor is which stretch
/// of which storage, and a stored entry for each storage. The pickle is looked through first and run only if it names nothing but tensors
/// and plain containers. Source: pytorch/pytorch v2.9, torch/serialization.py and torch/_utils.py.
/// </summary>
internal static class PyTorchFile
{
    private const long MaxPickleByteLength = 64L << 20;

    /// <exception cref="CheckpointException">The file is damaged, older than the format, or its pickle names something else.</exception>
    public static IReadOnlyList<StoredTensor> Read(WeightFile file)
    {
        Span<byte> start = stackalloc byte[4];
        if (file.ByteLength > 4)
            file.Read(0, start);
        if (!start.SequenceEqual("PK\x03\x04"u8))
            throw new CheckpointException(
                file.Path,
                "the file is no zip archive as torch.save writes; files older than PyTorch 1.6 are not supported."
            );
        try
        {
            return ReadTensors(file, ZipDirectory.Read(file));
        }
        catch (Exception failure) when (failure is not (CheckpointException or OutOfMemoryException or OperationCanceledException))
        {
            // A hostile pickle can make the package fail in any way; none is worth more than this sentence.
            throw new CheckpointException(
                file.Path,
                $"the file is damaged: {CheckpointFolder.Shown(failure.Message.TrimEnd('.'))}.",
                failure
            );
        }
    }

    private static List<StoredTensor> ReadTensors(WeightFile file, Dictionary<string, ZipDirectory.Entry> entries)
    {
        string name =
            entries.Keys.FirstOrDefault(static name => name == "data.pkl" || name.EndsWith("/data.pkl", StringComparison.Ordinal))
            ?? throw new CheckpointException(file.Path, "the archive has no data.pkl.");
        if (entries[name].ByteLength > MaxPickleByteLength)
            throw new CheckpointException(file.Path, $"data.pkl is {entries[name].ByteLength} bytes; {MaxPickleByteLength} are allowed.");
        byte[] pickle = new byte[entries[name].ByteLength];
        file.Read(entries[name].Offset, pickle);
        PickleScan.RequireHarmless(file.Path, pickle);
        using var unpickler = new TensorUnpickler();
        var tensors = new List<StoredTensor>();
        string storages = name[..^"data.pkl".Length] + "data/";
        Collect(
            unpickler.loads(pickle),
            "",
            0,
            (tensorName, tensor) =>
            {
                if (!entries.TryGetValue(storages + tensor.Storage.Key, out ZipDirectory.Entry storage))
                    throw new CheckpointException(
                        file.Path,
                        $"tensor '{CheckpointFolder.Shown(tensorName)}' lies in a storage that is missing."
                    );
                tensors.Add(Place(file, tensorName, tensor, storage));
            }
        );
        return tensors.Count > 0 ? tensors : throw new CheckpointException(file.Path, "there are no tensors in it.");
    }

    // A state dictionary, or one inside of one under a name such as "model"; what is no tensor there is passed over.
    private static void Collect(object? value, string name, int depth, Action<string, PickledTensor> add)
    {
        if (value is PickledTensor tensor && name.Length > 0)
            add(name, tensor);
        if (value is not IDictionary map || depth > 3)
            return;
        foreach (DictionaryEntry entry in map)
            if (entry.Key is string key)
                Collect(
                    entry.Value,
                    name is "" or "model" or "state_dict" or "model_state_dict" or "module" ? key : $"{name}.{key}",
                    depth + 1,
                    add
                );
    }

    private static StoredTensor Place(WeightFile file, string name, PickledTensor tensor, ZipDirectory.Entry storage)
    {
        Int128 count = 1;
        for (int dimension = tensor.Shape.Length - 1; dimension >= 0; dimension--)
        {
            if (tensor.Shape[dimension] > 1 && tensor.Strides[dimension] != count)
                throw new CheckpointException(
                    file.Path,
                    $"tensor '{CheckpointFolder.Shown(name)}' is stored with dimensions exchanged, which is not supported."
                );
            count =
                tensor.Shape[dimension] >= 0 && count <= storage.ByteLength
                    ? count * tensor.Shape[dimension]
                    : (Int128)storage.ByteLength + 1;
        }

        if (tensor.Offset < 0 || (count + tensor.Offset) * tensor.Storage.ByteLength > storage.ByteLength)
            throw new CheckpointException(
                file.Path,
                $"tensor '{CheckpointFolder.Shown(name)}' needs more bytes than its storage's {storage.ByteLength}."
            );
        return new StoredTensor(
            file,
            name,
            tensor.Storage.TypeName,
            tensor.Storage.Type,
            [.. tensor.Shape],
            storage.Offset + tensor.Offset * tensor.Storage.ByteLength
        );
    }
}
