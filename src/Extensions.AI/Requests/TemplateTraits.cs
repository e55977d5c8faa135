using System.Text.Json;
using Tessera.ChatTemplates;

namespace Tessera.Extensions.AI;

/// <summary>What a model's chat template can do, found by rendering probes and by its text. Thread-safe.</summary>
/// <param name="template">The template; null for a model that has none.</param>
internal sealed class TemplateTraits(ChatTemplate? template)
{
    private const string Probe = "tessera_probe";
    private static readonly ChatTemplateMessage User = new("user", Probe);
    private readonly Lazy<CallTraits> calls = new(() => CallTraits.Of(template));

    /// <summary>Whether it tells the model of tools, and later of their results.</summary>
    public bool TakesTools => calls.Value.TakesTools && TakesResults;

    /// <summary>Whether it tells the model what tools answered, and what it called or that in the text of its message.</summary>
    public bool TakesResults => calls.Value.TakesResults;

    /// <summary>Whether it prints calls; where it does not, they must be part of a message's text.</summary>
    public bool TakesCalls => calls.Value.TakesCalls;

    /// <summary>How the model writes calls; null if that is not known.</summary>
    public ToolCallFormat? Format => calls.Value.Format;

    /// <summary>Whether the model says everything in channels, as gpt-oss does.</summary>
    public bool IsHarmony { get; } =
        template?.Source is { } source
        && source.Contains("<|channel|>analysis", StringComparison.Ordinal)
        && source.Contains("<|channel|>final", StringComparison.Ordinal);

    /// <summary>Whether thinking can be switched.</summary>
    public bool HasThinkingSwitch => Mentions("enable_thinking");

    /// <summary>Whether the effort of thinking can be set.</summary>
    public bool HasEffort => Mentions("reasoning_effort");

    /// <summary>How the model writes thoughts; null if it writes none, or says everything in channels.</summary>
    public ThoughtMarks? Thoughts => template is null || IsHarmony ? null : ThoughtMarks.Of(template.Source);

    /// <summary>Whether the model writes thoughts.</summary>
    public bool HasThoughts => IsHarmony || Thoughts is not null;

    /// <summary>Whether the prompt ends inside a thought.</summary>
    /// <param name="variables">What the template is told.</param>
    public bool OpensThought(IReadOnlyDictionary<string, TemplateValue> variables) =>
        Thoughts is { } thoughts
        && TemplateProbe.TryRender(template, [User], variables, out string prompt)
        && prompt.TrimEnd().EndsWith(thoughts.Start, StringComparison.Ordinal);

    /// <summary>Tells a template of tools, by all names that it may know them by.</summary>
    /// <param name="variables">What the template is told.</param>
    /// <param name="tools">The tools, a JSON list.</param>
    public void Tell(Dictionary<string, TemplateValue> variables, JsonElement tools) => TemplateProbe.Tell(template!, variables, tools);

    /// <summary>Arguments as the template takes them: most print a dictionary, some a text that is JSON already.</summary>
    public TemplateValue ArgumentsFor(JsonElement arguments) =>
        calls.Value.TakesArgumentText ? TemplateValue.From(arguments.GetRawText()) : TemplateValue.FromJson(arguments);

    private bool Mentions(string text) => template is not null && template.Source.Contains(text, StringComparison.Ordinal);
}
