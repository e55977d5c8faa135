using Tessera.Gguf;

namespace Tessera.Engine.NativeTests.Goldens;

/// <summary>A golden's projector with other keys, in a file that goes away with it.</summary>
internal sealed class ChangedProjector : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("tessera-projector-");

    public ChangedProjector(string projector, IReadOnlyDictionary<string, GgufValue> keys)
    {
        Path = System.IO.Path.Combine(folder.FullName, "mmproj.gguf");
        using GgufFile file = GgufFile.Open(projector);
        var writer = new GgufWriter();
        foreach ((string key, GgufValue value) in file.Metadata.Where(entry => !keys.ContainsKey(entry.Key)).Concat(keys))
            writer.AddMetadata(key, value);
        foreach (GgufTensor tensor in file.Tensors)
            writer.AddTensor(tensor.Name, tensor.Type, tensor.Shape.AsSpan(), file.GetTensorData(tensor, 0, (int)tensor.ByteLength));
        writer.Save(Path);
    }

    public string Path { get; }

    public void Dispose() => folder.Delete(recursive: true);
}
