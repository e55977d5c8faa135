using System.Globalization;

namespace Tessera.Catalog;

/// <summary>Reads models.txt: paragraphs of "key: value" lines, "#" begins a comment line.</summary>
internal static class CatalogText
{
    private const int MostEntries = 1000,
        LongestLine = 1000;

    /// <summary>The entries, in order.</summary>
    /// <param name="text">The file's text.</param>
    /// <param name="name">The file's name, for messages.</param>
    /// <exception cref="TesseraException">A line or an entry cannot be understood; the message names it.</exception>
    public static IReadOnlyList<CatalogEntry> Read(string text, string name)
    {
        var entries = new List<CatalogEntry>();
        var paragraph = new Dictionary<string, string>(StringComparer.Ordinal);
        int number = 0;
        foreach (string line in text.ReplaceLineEndings("\n").Split('\n'))
        {
            number++;
            if (line.StartsWith('#'))
                continue;
            if (line.Trim().Length > 0)
                Add(paragraph, line, $"{name}, line {number}");
            else
                End(entries, paragraph, name);
        }

        End(entries, paragraph, name);
        return entries;
    }

    private static void Add(Dictionary<string, string> paragraph, string line, string place)
    {
        int colon = line.IndexOf(':', StringComparison.Ordinal);
        if (colon < 1 || line.Length > LongestLine || line.Any(char.IsControl))
            throw new TesseraException($"{place}: a line is 'key: value'.");
        if (!paragraph.TryAdd(line[..colon].Trim(), line[(colon + 1)..].Trim()))
            throw new TesseraException($"{place}: '{line[..colon].Trim()}' is there twice.");
    }

    private static void End(List<CatalogEntry> entries, Dictionary<string, string> paragraph, string name)
    {
        if (paragraph.Count == 0)
            return;
        string place = $"{name}, model '{paragraph.GetValueOrDefault("name", "")}'";
        CatalogEntry entry = Entry(new Dictionary<string, string>(paragraph, StringComparer.Ordinal), place);
        if (entries.Count == MostEntries || entries.Any(other => other.Name == entry.Name))
            throw new TesseraException($"{place}: it is there twice, or one too many.");
        entries.Add(entry);
        paragraph.Clear();
    }

    private static CatalogEntry Entry(Dictionary<string, string> paragraph, string place)
    {
        string? Take(string key) => paragraph.Remove(key, out string? value) && value.Length > 0 ? value : null;
        string name = Take("name") ?? "";
        if (!ModelStore.IsName(name))
            throw new TesseraException($"{place}: a name has letters, digits, '.', '-' and '_' only.");
        var entry = new CatalogEntry
        {
            Name = name,
            About = Take("about") ?? "",
            Family = Take("family") ?? "",
            Source = Take("source"),
            Model = File("model"),
            Projector = File("mmproj"),
            Licence = Take("licence") ?? "",
            MemoryBytes = Size(Take("memory"), place) ?? 0,
            Verified = Take("verified") is { } how && how != "no" ? how : null,
        };
        if (paragraph.Count > 0)
            throw new TesseraException($"{place}: the key '{paragraph.Keys.First()}' is not known.");
        return entry.Source is null && entry.Model is null
            ? throw new TesseraException($"{place}: it has neither source nor model.")
            : entry;

        CatalogFile? File(string key)
        {
            long? bytes = Size(Take($"{key}-bytes"), place);
            string? digest = Take($"{key}-sha256")?.ToLowerInvariant();
            if (digest is not null && (digest.Length != 64 || !digest.All(char.IsAsciiHexDigit)))
                throw new TesseraException($"{place}: {key}-sha256 is not 64 hexadecimal digits.");
            return Take(key) is { } path ? new CatalogFile(path, bytes, digest) : null;
        }
    }

    /// <summary>A number of bytes: digits alone, or with MB or GB, which are powers of ten.</summary>
    private static long? Size(string? text, string place)
    {
        if (text is null)
            return null;
        string[] parts = text.Split(' ', 2);
        double unit =
            parts.Length == 1 ? 1
            : parts[1] == "MB" ? 1e6
            : parts[1] == "GB" ? 1e9
            : 0;
        return
            unit > 0
            && double.TryParse(parts[0], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number)
            && number * unit < 1e15
            ? (long)(number * unit)
            : throw new TesseraException($"{place}: '{text}' is no size, such as 4081004224 or 4.1 GB.");
    }
}
