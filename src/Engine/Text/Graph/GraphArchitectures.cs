using Tessera.Compute;
using Tessera.Gguf;
using Tessera.Text.Graph.Architectures;

namespace Tessera.Text.Graph;

/// <summary>The one table of architectures that run as graphs built here.</summary>
internal static class GraphArchitectures
{
    private static readonly Dictionary<string, Func<LanguageKeys, WeightStore, LanguageGraph>> Table = new(StringComparer.Ordinal)
    {
        ["cogvlm"] = static (keys, weights) => new CogVlmGraph(keys, weights),
        ["cambrian"] = static (keys, weights) => new CambrianGraph(keys, weights),
        ["blip"] = static (keys, weights) => new BlipGraph(keys, weights),
        ["blip-vqa"] = static (keys, weights) => new BlipGraph(keys, weights),
        ["flamingo-mpt"] = static (keys, weights) => new FlamingoMptGraph(keys, weights),
        ["flamingo-neox"] = static (keys, weights) => new FlamingoNeoxGraph(keys, weights),
        ["idefics"] = static (keys, weights) => new IdeficsGraph(keys, weights),
        ["opt"] = static (keys, weights) => new OptGraph(keys, weights),
        ["mplug_owl2"] = static (keys, weights) => new MplugOwl2Graph(keys, weights),
        ["mllama"] = static (keys, weights) => new MllamaGraph(keys, weights),
        ["llama"] = static (keys, weights) => new LlamaGraph(keys, weights),
    };

    // Those of them that libllama runs too are there to be compared with it.
    private static readonly string[] OfLibLlama = ["llama"];

    /// <summary>Whether a file's language model runs as graphs built here, and not in libllama.</summary>
    public static bool Runs(GgufFile file) =>
        file.Metadata.TryGetString("general.architecture", out string? name) && Table.ContainsKey(name) && !OfLibLlama.Contains(name);

    /// <summary>Reads and checks the keys, and declares the weights.</summary>
    /// <exception cref="ModelFileException">The architecture is none of these, or a key or weight is missing or cannot be.</exception>
    public static LanguageGraph Open(GgufFile file, WeightStore weights)
    {
        string name = file.Metadata.RequireString("general.architecture");
        return Table.TryGetValue(name, out Func<LanguageKeys, WeightStore, LanguageGraph>? open)
            ? open(new LanguageKeys(file, name), weights)
            : throw new ModelFileException(file.Path, $"general.architecture is '{name}', for which there is no graph.");
    }
}
