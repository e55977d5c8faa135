using System.Security.Cryptography;
using System.Text;

namespace Tessera.Annotation;

/// <summary>A picture to be asked about.</summary>
/// <param name="Path">Its name in the results, by which it is done once: a file's path, an address, a page of a document.</param>
/// <param name="OpenAsync">Reads it, when its turn comes.</param>
public sealed record AnnotationItem(string Path, Func<CancellationToken, Task<PromptImage>> OpenAsync)
{
    /// <summary>The file's full path, by which other processes open it too; null where there is none.</summary>
    public string? Location { get; init; }

    /// <summary>A picture's file.</summary>
    public static AnnotationItem FromFile(string path) =>
        new(path, stop => PromptImage.FromFileAsync(path, stop)) { Location = System.IO.Path.GetFullPath(path) };
}

/// <summary>What a picture's path is remembered by: 128 bits of its SHA-256, as memory for millions of paths is dear.</summary>
/// <param name="Value">The bits.</param>
public readonly record struct PathKey(UInt128 Value)
{
    private const int ByteLength = 16;

    /// <summary>The key of a path.</summary>
    public static PathKey Of(string path)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(path), hash);
        return new PathKey(System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(hash[..ByteLength]));
    }

    /// <summary>32 hexadecimal digits.</summary>
    public override string ToString() => Value.ToString("x32", System.Globalization.CultureInfo.InvariantCulture);
}
