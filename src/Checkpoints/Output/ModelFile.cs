using System.Globalization;
using System.Security.Cryptography;
using Tessera.Checkpoints.Tensors;
using Tessera.Gguf;

namespace Tessera.Checkpoints.Output;

/// <summary>
/// One GGUF file to be made: written beside its place under a name of its own and renamed when it is whole, so that whoever ends the
/// program never finds half a file under the final name. What is left of a killed run is written over by the next.
/// </summary>
internal sealed class ModelFile(string path, Metadata metadata, IReadOnlyList<TargetTensor> tensors)
{
    private const int BufferByteLength = 1 << 20;
    private static readonly string UnknownDigest = new('0', 64);

    public string Path => path;

    public Metadata Metadata => metadata;

    public IReadOnlyList<TargetTensor> Tensors => tensors;

    /// <summary>Bytes of all tensors' data.</summary>
    public long ByteLength => tensors.Sum(static tensor => tensor.ByteLength);

    /// <summary>Where the file grows.</summary>
    public string PartialPath => $"{path}.partial";

    /// <summary>Writes the file under <see cref="PartialPath"/>.</summary>
    /// <param name="context">What to check and to report.</param>
    /// <param name="digests">Digests of the source files by name, which may become known while the file is written.</param>
    /// <exception cref="CheckpointException">The file cannot be written, or a tensor cannot be read.</exception>
    public void WritePartial(WriteContext context, Task<IReadOnlyDictionary<string, string>> digests)
    {
        try
        {
            using var stream = new FileStream(PartialPath, FileMode.Create, FileAccess.ReadWrite, FileShare.None, BufferByteLength);
            GgufWriter writer = Declare(context, digests.IsCompletedSuccessfully ? digests.Result : null);
            writer.Write(stream);
            IReadOnlyDictionary<string, string> known = digests.GetAwaiter().GetResult();
            foreach ((string key, string value) in DigestEntries(known))
                writer.ReplaceMetadata(key, GgufValue.From(value));
            stream.Position = 0;
            writer.WriteHeader(stream);
            stream.Flush();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(path, $"the file cannot be written: {failure.Message}", failure);
        }
    }

    /// <summary>Gives the whole file its name.</summary>
    /// <exception cref="CheckpointException">It cannot be renamed.</exception>
    public void Publish()
    {
        try
        {
            File.Move(PartialPath, path, overwrite: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(path, $"the file cannot be renamed from {PartialPath}: {failure.Message}", failure);
        }
    }

    /// <summary>Removes what was written, quietly.</summary>
    public void Discard()
    {
        try
        {
            File.Delete(PartialPath);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // The failure that led here is the one to report.
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

    /// <summary>The SHA-256 digest of a file.</summary>
    public static string Digest(string path, CancellationToken cancellationToken)
    {
        try
        {
            using var stream = new FileStream(
                path,
                FileMode.Open,
                FileAccess.Read,
                FileShare.Read,
                bufferSize: 0,
                FileOptions.SequentialScan
            );
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            byte[] buffer = new byte[4 << 20];
            for (int count; (count = stream.Read(buffer)) > 0; )
            {
                cancellationToken.ThrowIfCancellationRequested();
                hash.AppendData(buffer, 0, count);
            }

            return Convert.ToHexStringLower(hash.GetHashAndReset());
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(path, $"the file cannot be read: {failure.Message}", failure);
        }
    }

    private static string Key(int index, string part) => string.Create(CultureInfo.InvariantCulture, $"tessera.source.{index}.{part}");

    private IEnumerable<(string Key, string Value)> DigestEntries(IReadOnlyDictionary<string, string> digests)
    {
        for (int index = 0; metadata.Entries.TryGetValue(Key(index, "name"), out GgufValue? name) && name.TryGet(out string? text); index++)
            yield return (Key(index, "sha256"), digests[text!]);
    }

    private GgufWriter Declare(WriteContext context, IReadOnlyDictionary<string, string>? digests)
    {
        var writer = new GgufWriter();
        foreach ((string key, GgufValue value) in metadata.Entries)
            writer.AddMetadata(key, value);
        if (digests is not null)
            foreach ((string key, string value) in DigestEntries(digests))
                writer.ReplaceMetadata(key, GgufValue.From(value));
        foreach (TargetTensor tensor in tensors)
            writer.AddTensor(tensor.Name, tensor.Type, tensor.Shape, stream => tensor.Write(stream, context));
        return writer;
    }
}
