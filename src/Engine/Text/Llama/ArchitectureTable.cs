using System.Globalization;

namespace Tessera.Text.Llama;

/// <summary>A number's bounds.</summary>
internal sealed record ArchitectureBound(string Key, long Least, long Most);

/// <summary>A tensor of a block that must be there, under one of several names, where another is.</summary>
internal sealed record ArchitectureTensor(string Beside, IReadOnlyList<string> Names);

/// <summary>
/// What each architecture's loader and graph in llama.cpp take for granted, read from architectures.txt, which also says how it is
/// written and where it comes from.
/// </summary>
internal sealed class ArchitectureTable
{
    private const string Resource = "Tessera.architectures.txt";
    private readonly Dictionary<string, (ArchitectureRule Rule, bool IsOfFirst)> defaults = [];
    private readonly List<ArchitectureBound> bounds = [];
    private readonly List<ArchitectureRule> rules = [];
    private readonly List<ArchitectureTensor> tensors = [];
    private readonly HashSet<string> uniform = [];

    private ArchitectureTable() { }

    /// <summary>What a key is worth that the file does not have, and whether that is the first block's for all of them.</summary>
    public IReadOnlyDictionary<string, (ArchitectureRule Rule, bool IsOfFirst)> Defaults => defaults;

    public IReadOnlyList<ArchitectureBound> Bounds => bounds;

    public IReadOnlyList<ArchitectureRule> Rules => rules;

    public IReadOnlyList<ArchitectureTensor> Tensors => tensors;

    /// <summary>Why a model of the architecture cannot answer; null if it can.</summary>
    public string? Unfit { get; private set; }

    /// <summary>Keys that have one number for all blocks.</summary>
    public IReadOnlyCollection<string> Uniform => uniform;

    /// <summary>The lines that concern an architecture; of one that the table does not know, those for all.</summary>
    public static ArchitectureTable For(string architecture)
    {
        using Stream stream = typeof(ArchitectureTable).Assembly.GetManifestResourceStream(Resource)!;
        using var reader = new StreamReader(stream);
        return Read(reader, architecture);
    }

    /// <exception cref="FormatException">A line is none of the table's.</exception>
    internal static ArchitectureTable Read(TextReader reader, string architecture)
    {
        var table = new ArchitectureTable();
        while (reader.ReadLine() is { } line)
        {
            if (line.Length == 0 || line[0] == '#')
                continue;
            int colon = line.IndexOf(" : ", StringComparison.Ordinal);
            if (colon < 0)
                throw new FormatException($"The line '{line}' has no ' : '.");
            string[] words = line[..colon].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (Concerns(words, architecture))
                table.Add(words[0], line[(colon + 3)..].Trim());
        }

        return table;
    }

    // "rule qwen2 qwen3 : ...", "rule * : ...", "rule * -gpt2 -mpt : ..." for all but some.
    private static bool Concerns(string[] words, string architecture) =>
        words.AsSpan(1).Contains(architecture) || (words.AsSpan(1).Contains("*") && !words.AsSpan(1).Contains($"-{architecture}"));

    private void Add(string kind, string text)
    {
        switch (kind)
        {
            case "default" or "first":
                int equals = text.IndexOf(" = ", StringComparison.Ordinal);
                defaults[text[..equals]] = (ArchitectureRule.Parse(text[(equals + 3)..]), kind == "first");
                break;
            case "number":
                string[] bound = text.Split(' ');
                bounds.Add(new ArchitectureBound(bound[0], Number(bound[1]), Number(bound[2])));
                break;
            case "rule":
                rules.Add(ArchitectureRule.Parse(text));
                break;
            case "same":
                uniform.Add(text);
                break;
            case "varies":
                uniform.Remove(text);
                break;
            case "tensor":
                string[] names = text.Split(' ');
                tensors.Add(new ArchitectureTensor(names[0], names[2..]));
                break;
            case "unfit":
                Unfit = text;
                break;
            default:
                throw new FormatException($"'{kind}' is no kind of line.");
        }
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
