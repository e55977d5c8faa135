using System.Globalization;
using Tessera.Gguf;

namespace Tessera.Vision.Parts;

/// <summary>What files were converted from (docs/convert.md), by which a projector and a language model are known to belong
/// together.</summary>
internal static class SourceDigests
{
    private const int MaxCount = 4096;

    /// <summary>The digests that a file names; none where something else made it.</summary>
    public static HashSet<string> Of(GgufFile file)
    {
        var digests = new HashSet<string>(StringComparer.Ordinal);
        for (int index = 0; index < MaxCount; index++)
        {
            string key = string.Create(CultureInfo.InvariantCulture, $"tessera.source.{index}.sha256");
            if (!file.Metadata.TryGetString(key, out string? digest))
                break;
            digests.Add(digest);
        }

        return digests;
    }

    /// <summary>Whether two files may come of one checkpoint: they share a source, or one of them does not say.</summary>
    public static bool MayBeOneCheckpoint(HashSet<string> digests, GgufFile file) =>
        digests.Count == 0 || Of(file) is var others && (others.Count == 0 || others.Overlaps(digests));
}
