using System.Text.Json;
using Tessera.Templates;

namespace Tessera.Extensions.AI;

/// <summary>What a model's chat template can do, found by rendering probes and by its text. Thread-safe.</summary>
/// <param name="template">The template; null for a model that has none.</param>
internal sealed class TemplateTraits(ChatTemplate? template)
{
    private const string Probe = "tessera_probe";
    // A probe takes some thousands; a template that never ends should not do so once for each.
    private static readonly TemplateLimits limits = new() { MaxSteps = 200_000 };
    private static readonly ChatTemplateMessage user = new("user", Probe);
    private readonly Lazy<bool> takesTools = new(() => Renders(template, [user], Probe + "_tool"));
    private readonly Lazy<bool> takesResults = new(() => Renders(template, [user, Call(ArgumentMap), Result], Probe + "_call", Probe + "_result")
        || Renders(template, [user, Call(ArgumentText), Result], Probe + "_call", Probe + "_result"));
    private readonly Lazy<bool> takesArgumentText = new(() => !PrintsArguments(template));
    private readonly Lazy<ToolCallFormat?> format = new(() => template is null ? null : ToolCallFormat.Of(template.Source));

    /// <summary>Whether it tells the model of tools, and later of its calls and their results.</summary>
    public bool TakesTools => takesTools.Value && takesResults.Value;

    /// <summary>Whether it tells the model what it called and what tools answered.</summary>
    public bool TakesResults => takesResults.Value;

    /// <summary>How the model writes calls; null if that is not known.</summary>
    public ToolCallFormat? Format => format.Value;

    /// <summary>Whether thinking can be switched.</summary>
    public bool HasThinkingSwitch => Mentions("enable_thinking");

    /// <summary>Whether the effort of thinking can be set.</summary>
    public bool HasEffort => Mentions("reasoning_effort");

    /// <summary>Whether the model writes thoughts.</summary>
    public bool HasThoughts => Mentions(AnswerReader.ThoughtEnd);

    /// <summary>Whether the prompt ends inside a thought.</summary>
    /// <param name="variables">What the template is told.</param>
    public bool OpensThought(IReadOnlyDictionary<string, TemplateValue> variables) =>
        HasThoughts && TryRender(template, [user], variables, out string prompt) && prompt.TrimEnd().EndsWith(AnswerReader.ThoughtStart, StringComparison.Ordinal);

    /// <summary>Arguments as the template takes them: most print a dictionary, some a text that is JSON already.</summary>
    public TemplateValue ArgumentsFor(JsonElement arguments) => takesArgumentText.Value ? TemplateValue.From(arguments.GetRawText()) : TemplateValue.FromJson(arguments);

    private static TemplateValue ArgumentMap => TemplateValue.Map([(Probe, TemplateValue.From("x"))]);

    private static TemplateValue ArgumentText => TemplateValue.From($$"""{"{{Probe}}": "x"}""");

    private static ChatTemplateMessage Result => new("tool", Probe + "_result") { ToolCallId = "callProbe", ToolName = Probe + "_call" };

    private static ChatTemplateMessage Call(TemplateValue arguments) => new("assistant", "") { ToolCalls = [new ChatTemplateToolCall("callProbe", Probe + "_call", arguments)] };

    private static Dictionary<string, TemplateValue> Tools() => new()
    {
        ["tools"] = TemplateValue.List(TemplateValue.Map(
        [
            ("type", TemplateValue.From("function")),
            ("function", TemplateValue.Map(
            [
                ("name", TemplateValue.From(Probe + "_tool")),
                ("description", TemplateValue.From("")),
                ("parameters", TemplateValue.Map([("type", TemplateValue.From("object")), ("properties", TemplateValue.Map())])),
            ])),
        ])),
    };

    // A template that joins arguments to its text fails on a dictionary, or prints it as Python does.
    private static bool PrintsArguments(ChatTemplate? template) =>
        TryRender(template, [user, Call(ArgumentMap), Result], Tools(), out string text) && !text.Contains($"'{Probe}'", StringComparison.Ordinal);

    private static bool Renders(ChatTemplate? template, IReadOnlyList<ChatTemplateMessage> messages, params string[] expected) =>
        TryRender(template, messages, Tools(), out string text) && expected.All(part => text.Contains(part, StringComparison.Ordinal));

    private static bool TryRender(ChatTemplate? template, IReadOnlyList<ChatTemplateMessage> messages, IReadOnlyDictionary<string, TemplateValue> variables, out string text)
    {
        text = "";
        if (template is null) return false;
        try
        {
            text = string.Concat(new ChatPromptRenderer(template, [], limits: limits).Render(messages, addGenerationPrompt: true, "", "", variables).Select(static segment => segment.Text));
            return true;
        }
        catch (TemplateException)
        {
            return false;
        }
    }

    private bool Mentions(string text) => template is not null && template.Source.Contains(text, StringComparison.Ordinal);
}
