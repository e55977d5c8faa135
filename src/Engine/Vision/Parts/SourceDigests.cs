using System.Globalization;
using Tessera.Gguf;

namespace Tessera.Vision.Parts;

/// <summary>What weights files were converted from (docs/convert.md), by which a projector and a language model are known to belong
/// together.</summary>
internal static class SourceDigests
{
    private const int MaxCount = 4096;

    // Many models have the same tower.
    private const string TowerFolder = "vision-tower/";
    private static readonly string[] WeightFiles = [".safetensors", ".bin", ".pth", ".pt"];

    /// <summary>The digests of weights that a file names; none where something else made it.</summary>
    public static HashSet<string> Of(GgufFile file)
    {
        var digests = new HashSet<string>(StringComparer.Ordinal);
        for (int index = 0; index < MaxCount; index++)
        {
            if (!file.Metadata.TryGetString(Key(index, "name"), out string? name))
                break;
            bool isWeights = WeightFiles.Any(end => name.EndsWith(end, StringComparison.Ordinal));
            if (
                isWeights
                && !name.StartsWith(TowerFolder, StringComparison.Ordinal)
                && file.Metadata.TryGetString(Key(index, "sha256"), out string? digest)
            )
                digests.Add(digest);
        }

        return digests;
    }

    /// <summary>Whether two files may come of one checkpoint: they share weights, or one of them does not say.</summary>
    public static bool MayBeOneCheckpoint(HashSet<string> digests, GgufFile file) =>
        digests.Count == 0 || Of(file) is var others && (others.Count == 0 || others.Overlaps(digests));

    private static string Key(int index, string part) => string.Create(CultureInfo.InvariantCulture, $"tessera.source.{index}.{part}");
}
