using Tessera.Extensions.AI.Tests.Support;
using Tessera.Templates;

namespace Tessera.Extensions.AI.Tests;

/// <summary>What chat templates can do, found without knowing their models.</summary>
public sealed class TemplateTraitsTests
{
    [Fact]
    public void Templates_are_known_by_probes_and_words()
    {
        var hermes = new TemplateTraits(TemplateSources.Parse(TemplateSources.Hermes));
        Assert.True(hermes is { TakesTools: true, TakesResults: true, HasThinkingSwitch: true, HasThoughts: true, HasEffort: false, Format: JsonCallFormat });
        Assert.True(new TemplateTraits(TemplateSources.Parse(TemplateSources.Plain)) is { TakesTools: false, TakesResults: false, HasThoughts: false, Format: null });
        Assert.True(new TemplateTraits(null) is { TakesTools: false, TakesResults: false, HasThoughts: false, Format: null });
        Assert.False(hermes.OpensThought(new Dictionary<string, TemplateValue>()));
        Assert.True(new TemplateTraits(TemplateSources.Parse(TemplateSources.OpensThought)).OpensThought(new Dictionary<string, TemplateValue>()));
    }

    /// <summary>
    /// Every template of llama.cpp's collection (v0.5.0), and how a call of f begins there: "-" where the template has no place for tools or their
    /// results, "?" where its form of calls is not known. Runs where TESSERA_TEMPLATES names the folder models/templates; its files are not ours to ship.
    /// </summary>
    [Fact]
    public void Every_template_of_the_collection_has_its_format_or_none()
    {
        if (Environment.GetEnvironmentVariable("TESSERA_TEMPLATES") is not string folder) return;
        var found = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (string file in Directory.GetFiles(folder, "*.jinja"))
        {
            string name = Path.GetFileNameWithoutExtension(file);
            var traits = new TemplateTraits(ChatTemplate.Parse(File.ReadAllText(file), name));
            string start = !traits.TakesTools ? "-" : traits.Format?.StartOf("f").Replace("\n", "\\n", StringComparison.Ordinal) ?? "?";
            found.Add(name, $"{start}{(traits.HasThoughts ? " | thoughts" : "")}{(traits.TakesTools && !traits.TakesCalls ? " | told" : "")}");
        }

        Assert.Equal(CollectionFormats.Expected, string.Join('\n', found.Select(static pair => $"{pair.Key}: {pair.Value}")), ignoreLineEndingDifferences: true);
    }
}
