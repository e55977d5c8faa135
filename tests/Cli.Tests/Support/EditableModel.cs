using System.Collections.Immutable;
using Tessera.Gguf;

namespace Tessera.Cli.Tests.Support;

/// <summary>One tensor of an <see cref="EditableModel"/>; data of another length than type and shape need is cut or repeated.</summary>
internal sealed record EditableTensor(string Name, GgufTensorType Type, ImmutableArray<long> Shape, byte[] Data);

/// <summary>The metadata and tensors of a small GGUF file, to be changed and written as another file.</summary>
internal sealed class EditableModel
{
    public List<KeyValuePair<string, GgufValue>> Metadata { get; } = [];

    public List<EditableTensor> Tensors { get; } = [];

    public static EditableModel Read(string path)
    {
        using GgufFile file = GgufFile.Open(path);
        var model = new EditableModel();
        model.Metadata.AddRange(file.Metadata);
        model.Tensors.AddRange(
            file.Tensors.Select(tensor => new EditableTensor(
                tensor.Name,
                tensor.Type,
                tensor.Shape,
                file.GetTensorData(tensor, 0, (int)tensor.ByteLength).ToArray()
            ))
        );
        return model;
    }

    public GgufValue this[string key] => Metadata.First(entry => entry.Key == key).Value;

    public EditableModel Set<T>(string key, T value)
        where T : notnull => Set(key, GgufValue.From(value));

    public EditableModel Set(string key, GgufValue value)
    {
        int index = Metadata.FindIndex(entry => entry.Key == key);
        if (index >= 0)
            Metadata[index] = new(key, value);
        else
            Metadata.Add(new(key, value));
        return this;
    }

    public EditableModel Remove(string key)
    {
        Metadata.RemoveAll(entry => entry.Key == key);
        return this;
    }

    public EditableTensor Tensor(string name) => Tensors.First(tensor => tensor.Name == name);

    /// <summary>Adds a tensor, in place of one of the same name.</summary>
    public EditableModel Set(EditableTensor tensor)
    {
        int index = Tensors.FindIndex(old => old.Name == tensor.Name);
        if (index >= 0)
            Tensors[index] = tensor;
        else
            Tensors.Add(tensor);
        return this;
    }

    public EditableModel RemoveTensor(string name)
    {
        Tensors.RemoveAll(tensor => tensor.Name == name);
        return this;
    }

    public string Save(string path, int alignment = 32)
    {
        var writer = new GgufWriter(alignment);
        foreach ((string key, GgufValue value) in Metadata)
            writer.AddMetadata(key, value);
        foreach (EditableTensor tensor in Tensors)
            writer.AddTensor(tensor.Name, tensor.Type, tensor.Shape.AsSpan(), stream => Write(stream, tensor.Data));
        writer.Save(path);
        return path;
    }

    // The writer's stream takes exactly as many bytes as the tensor needs and throws beyond.
    private static void Write(Stream stream, byte[] data)
    {
        long missing = stream.Length - stream.Position;
        for (; missing > 0; missing -= Math.Min(missing, data.Length))
            stream.Write(data, 0, (int)Math.Min(missing, data.Length));
    }
}
