using System.Globalization;
using Tessera.Checkpoints.Tensors;
using Tessera.Gguf;
using Tessera.Shared;

namespace Tessera.Checkpoints.Output;

/// <summary>
/// One GGUF file to be made. It has its name only when it is whole, and what is left of a killed run is taken away by the next.
/// </summary>
internal sealed class ModelFile(string path, Metadata metadata, IReadOnlyList<TargetTensor> tensors)
{
    private static readonly string UnknownDigest = new('0', 64);

    public string Path => path;

    public Metadata Metadata => metadata;

    public IReadOnlyList<TargetTensor> Tensors => tensors;

    /// <summary>Bytes of all tensors' data.</summary>
    public long ByteLength => tensors.Sum(static tensor => tensor.ByteLength);

    /// <summary>Writes the file.</summary>
    /// <param name="context">What to check and to report.</param>
    /// <param name="beforeNamed">Called when the file is whole, before it has its name; where that throws, it never gets it.</param>
    /// <exception cref="CheckpointException">The file cannot be written, or a tensor cannot be read.</exception>
    public void Write(WriteContext context, Action beforeNamed)
    {
        try
        {
            // Not waiting for the disk: what a loss of power takes can be made again.
            WholeFile.Write(
                path,
                stream =>
                {
                    GgufWriter writer = Declare(context);
                    writer.Write(stream);
                    beforeNamed();
                    foreach ((string key, string value) in DigestEntries(context.Digests.Finish()))
                        writer.ReplaceMetadata(key, GgufValue.From(value));
                    stream.Position = 0;
                    writer.WriteHeader(stream);
                },
                isDurable: false
            );
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(path, $"the file cannot be written: {failure.Message}", failure);
        }
    }

    /// <summary>Declares the source files whose digests will be recorded.</summary>
    public void DeclareSources(IReadOnlyList<string> names)
    {
        metadata.Set("tessera.source.count", names.Count);
        for (int index = 0; index < names.Count; index++)
        {
            metadata.Set(Key(index, "name"), names[index]);
            metadata.Set(Key(index, "sha256"), UnknownDigest);
        }
    }

    private static string Key(int index, string part) => string.Create(CultureInfo.InvariantCulture, $"tessera.source.{index}.{part}");

    private IEnumerable<(string Key, string Value)> DigestEntries(IReadOnlyDictionary<string, string> digests)
    {
        for (int index = 0; metadata.Entries.TryGetValue(Key(index, "name"), out GgufValue? name) && name.TryGet(out string? text); index++)
            yield return (Key(index, "sha256"), digests[text!]);
    }

    private GgufWriter Declare(WriteContext context)
    {
        var writer = new GgufWriter();
        foreach ((string key, GgufValue value) in metadata.Entries)
            writer.AddMetadata(key, value);
        foreach (TargetTensor tensor in tensors)
            writer.AddTensor(tensor.Name, tensor.Type, tensor.Shape, stream => tensor.Write(stream, context));
        return writer;
    }
}
