using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Tessera.Gguf;

/// <summary>
/// A model in one file or, as llama.cpp's gguf-split makes them, in several: <c>NAME-00001-of-00003.gguf</c> and so on, of which the
/// first holds the metadata.
/// </summary>
internal sealed class GgufParts : IDisposable
{
    private const string CountKey = "split.count";
    private const string NumberKey = "split.no";
    private const int MostParts = 1024;
    private readonly Dictionary<string, (GgufFile File, GgufTensor Tensor)> tensors = new(StringComparer.Ordinal);
    private readonly List<GgufFile> files = [];

    private GgufParts() { }

    public IReadOnlyList<GgufFile> Files => files;

    public GgufFile First => files[0];

    /// <summary>The tensors of all parts.</summary>
    public IEnumerable<(GgufFile File, GgufTensor Tensor)> Tensors => tensors.Values;

    /// <summary>Opens the file, and the others if it is the first of several.</summary>
    /// <exception cref="ModelFileException">One of them is missing, damaged or not the part that its name says.</exception>
    public static GgufParts Open(string path)
    {
        var parts = new GgufParts();
        try
        {
            parts.Add(GgufFile.Open(path));
            parts.AddOthers(path);
            parts.First.ContinueIn(parts.files[1..]);
            return parts;
        }
        catch
        {
            parts.Dispose();
            throw;
        }
    }

    public bool TryGetTensor(string name, [NotNullWhen(true)] out GgufTensor? tensor)
    {
        bool isThere = tensors.TryGetValue(name, out (GgufFile File, GgufTensor Tensor) found);
        tensor = found.Tensor;
        return isThere;
    }

    public void Dispose()
    {
        foreach (GgufFile file in files)
            file.Dispose();
    }

    private void AddOthers(string path)
    {
        if (!First.Metadata.TryGetUInt32(CountKey, out uint count) || count <= 1)
            return;
        if (count > MostParts)
            throw new ModelFileException(path, $"{CountKey} is {count}, more than the {MostParts} files of one model.");
        string ending = string.Create(CultureInfo.InvariantCulture, $"-00001-of-{count:D5}.gguf");
        if (!path.EndsWith(ending, StringComparison.Ordinal))
            throw new ModelFileException(
                path,
                $"it is one of {count} files, and the first of them, whose name ends in {ending}, is the one to load."
            );
        for (int number = 1; number < count; number++)
        {
            GgufFile part = GgufFile.Open(
                string.Create(CultureInfo.InvariantCulture, $"{path[..^ending.Length]}-{number + 1:D5}-of-{count:D5}.gguf")
            );
            Add(part);
            // libllama reads the number as 16 bits, whatever it is (v0.5.0, src/llama-model-loader.cpp).
            if (!part.Metadata.TryGetValue(NumberKey, out GgufValue? value) || !value.TryGet(out ushort found) || found != number)
                throw new ModelFileException(
                    part.Path,
                    $"{NumberKey} is not {number} in 16 bits, so it is not part {number + 1} of {count}: download it again."
                );
        }
    }

    private void Add(GgufFile part)
    {
        files.Add(part);
        foreach (GgufTensor tensor in part.Tensors)
        {
            if (!tensors.TryAdd(tensor.Name, (part, tensor)))
                throw new ModelFileException(
                    part.Path,
                    $"the tensor {GgufText.Quote(tensor.Name)} is in another of the model's files too: download it again."
                );
        }
    }
}
