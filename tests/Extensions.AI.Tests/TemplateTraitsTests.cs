using System.Text.Json;
using Tessera.ChatTemplates;
using Tessera.Engine.Tests.Templates;
using Tessera.Extensions.AI.Tests.Support;

namespace Tessera.Extensions.AI.Tests;

/// <summary>What chat templates can do, found without knowing their models.</summary>
public sealed class TemplateTraitsTests
{
    [Fact]
    public void Templates_are_known_by_probes_and_words()
    {
        var hermes = new TemplateTraits(TemplateSources.Parse(TemplateSources.Hermes));
        Assert.True(
            hermes
                is {
                    TakesTools: true,
                    TakesResults: true,
                    HasThinkingSwitch: true,
                    HasThoughts: true,
                    HasEffort: false,
                    Format: JsonCallFormat
                }
        );
        Assert.True(
            new TemplateTraits(TemplateSources.Parse(TemplateSources.Plain))
                is { TakesTools: false, TakesResults: false, HasThoughts: false, Format: null }
        );
        Assert.True(new TemplateTraits(null) is { TakesTools: false, TakesResults: false, HasThoughts: false, Format: null });
        Assert.False(hermes.OpensThought(new Dictionary<string, TemplateValue>()));
        Assert.True(
            new TemplateTraits(TemplateSources.Parse(TemplateSources.OpensThought)).OpensThought(new Dictionary<string, TemplateValue>())
        );
    }

    /// <summary>
    /// Every template of llama.cpp's collection (v0.5.0), and how a call of f begins there: "-" where the template has no place for tools
    /// or their results, "?" where its form of calls is not known.
    /// </summary>
    [FactOnCollection]
    public void Every_template_of_the_collection_has_its_format_or_none()
    {
        var found = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (string file in Directory.GetFiles(FactOnCollectionAttribute.Folder, "*.jinja"))
        {
            string name = Path.GetFileNameWithoutExtension(file);
            var traits = new TemplateTraits(ChatTemplate.Parse(File.ReadAllText(file), name));
            string start = !traits.TakesTools ? "-" : traits.Format?.StartOf("f").Replace("\n", "\\n", StringComparison.Ordinal) ?? "?";
            found.Add(
                name,
                $"{start}{(traits.HasThoughts ? " | thoughts" : "")}{(traits.TakesTools && !traits.TakesCalls ? " | told" : "")}"
            );
        }

        Assert.Equal(
            CollectionFormats.Expected,
            string.Join('\n', found.Select(static pair => $"{pair.Key}: {pair.Value}")),
            ignoreLineEndingDifferences: true
        );
    }

    /// <summary>What a template prints of two calls with values of all kinds is read back by its format.</summary>
    [FactOnCollection]
    public void Calls_that_the_collections_templates_print_are_read_back()
    {
        using JsonDocument arguments = JsonDocument.Parse("""{"city": "a \"b\" <c>", "n": 2, "o": {"k": [true, null, "x"]}}""");
        using JsonDocument tools = JsonDocument.Parse(
            """[{"type": "function", "function": {"name": "find_it", "description": "Finds.", "parameters": {"type": "object", "properties": {}}}}]"""
        );
        var wrong = new List<string>();
        int readCount = 0;
        foreach (string file in Directory.GetFiles(FactOnCollectionAttribute.Folder, "*.jinja"))
        {
            ChatTemplate template = ChatTemplate.Parse(File.ReadAllText(file), Path.GetFileName(file));
            var traits = new TemplateTraits(template);
            if (!traits.TakesCalls || traits.Format is not { } format)
                continue;
            var variables = new Dictionary<string, TemplateValue>();
            traits.Tell(variables, tools.RootElement);
            ChatTemplateToolCall Call(string name) => new("call00001", name, traits.ArgumentsFor(arguments.RootElement));
            bool IsRead(string prompt, string name) =>
                format.Finds(
                    prompt,
                    call =>
                        call.Name == name
                        && call.Arguments is { Count: 3 } read
                        && arguments
                            .RootElement.EnumerateObject()
                            .All(expected =>
                                read.TryGetValue(expected.Name, out object? value)
                                && value is JsonElement json
                                && JsonElement.DeepEquals(json, expected.Value)
                            )
                );
            readCount++;
            string[] names =
                format.Syntax.TakesSeveral
                && TemplateProbe.TryRender(template, Conversation(Call("find_it"), Call("get")), variables, out _)
                    ? ["find_it", "get"]
                    : ["find_it"];
            if (
                !TemplateProbe.TryRender(template, Conversation([.. names.Select(Call)]), variables, out string text)
                || names.Any(name => !IsRead(text, name))
            )
                wrong.Add($"{template.Name}: {text[Math.Max(0, text.Length - 600)..]}");
        }

        Assert.Empty(wrong);
        // Two of DeepSeek's print calls, but tell of no tools.
        Assert.Equal(53, readCount);
    }

    private static ChatTemplateMessage[] Conversation(params ChatTemplateToolCall[] calls) =>
        [
            new("user", "Find"),
            new("assistant", "") { ToolCalls = calls },
            .. calls.Select(static call => new ChatTemplateMessage("tool", "Found.") { ToolCallId = call.Id, ToolName = call.Name }),
        ];
}
