using System.Security.Cryptography;
using Tessera.Fuzz.Mutation;
using Tessera.Vision.Encoding;

namespace Tessera.Fuzz.Kinds;

/// <summary>Entries of an image cache's folder: found whole, or missing.</summary>
internal sealed class EmbeddingCacheKind : FuzzKind
{
    private const int ValueCount = 96;
    private static readonly MediaKey Key = new(new string('a', 64));
    private readonly EmbeddingFolder folder;
    private readonly string file;
    private readonly byte[] original;

    public EmbeddingCacheKind(string path)
    {
        folder = new EmbeddingFolder(path, byteLimit: 1 << 20);
        folder.Add(Key, [.. Enumerable.Range(0, ValueCount).Select(static number => number / 7f)]);
        file = Directory.GetFiles(path).Single();
        original = File.ReadAllBytes(file);
    }

    public override string Name => "embedding-cache";

    public override byte[] Make(Random random)
    {
        byte[] copy = Damage.Copy(original, random, 12);
        if (random.OneIn(10))
            copy = [.. copy, .. new byte[random.Next(1, 1000)]];
        // With the digest that fits, since who writes an entry can write that too.
        if (random.OneIn(2) && copy.Length > SHA256.HashSizeInBytes)
            SHA256.HashData(copy.AsSpan(0, copy.Length - SHA256.HashSizeInBytes), copy.AsSpan(copy.Length - SHA256.HashSizeInBytes));
        return copy;
    }

    public override async Task<bool> TryAsync(byte[] input)
    {
        await File.WriteAllBytesAsync(file, input);
        float[]? found = folder.Find(Key, ValueCount);
        if (found is null && File.Exists(file))
            throw new InvalidOperationException("A damaged entry is still there.");
        if (found is not null && found.Length != ValueCount)
            throw new InvalidOperationException($"{found.Length} values were found, not {ValueCount}.");
        return found is not null;
    }
}
