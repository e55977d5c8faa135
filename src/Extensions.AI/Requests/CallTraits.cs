using System.Text.Json;
using Tessera.ChatTemplates;

namespace Tessera.Extensions.AI;

/// <summary>What a template does with tools, calls and results, found by rendering a call with its result.</summary>
/// <param name="TakesTools">Whether it tells the model of tools.</param>
/// <param name="TakesCalls">Whether it prints calls.</param>
/// <param name="TakesResults">Whether it prints results, and calls too unless they can be written for it.</param>
/// <param name="TakesArgumentText">Whether it takes arguments as a text that is JSON, and not as a dictionary.</param>
/// <param name="Format">How calls are written; null if that is not known.</param>
internal sealed record CallTraits(bool TakesTools, bool TakesCalls, bool TakesResults, bool TakesArgumentText, ToolCallFormat? Format)
{
    private const string Tool = "tessera_probe_tool",
        Function = "tessera_probe_call",
        Argument = "tessera_probe",
        Value = "tessera_probe_value",
        Answer = "tessera_probe_result";
    private static readonly ChatTemplateMessage User = new("user", "tessera_probe");

    /// <summary>Finds out.</summary>
    /// <param name="template">The template; null for none.</param>
    public static CallTraits Of(ChatTemplate? template)
    {
        if (template is null)
            return new CallTraits(false, false, false, false, null);
        Dictionary<string, TemplateValue> variables = Tools(template);
        bool takesTools =
            TemplateProbe.TryRender(template, [User], variables, out string prompt) && prompt.Contains(Tool, StringComparison.Ordinal);
        // A template that joins arguments to its text fails on a dictionary, or prints it as Python does.
        bool takesMap =
            TryRender(template, variables, TemplateValue.Map([(Argument, TemplateValue.From(Value))]), out string text)
            && !text.Contains($"'{Argument}'", StringComparison.Ordinal);
        if (!takesMap && !TryRender(template, variables, TemplateValue.From($$"""{"{{Argument}}": "{{Value}}"}"""), out text))
            return new CallTraits(takesTools, false, false, true, null);
        bool takesCalls = text.Contains(Value, StringComparison.Ordinal);
        ToolCallFormat? format = ToolCallFormats
            .Of(template.Source)
            .FirstOrDefault(format => takesCalls ? format.Finds(text, IsProbe) : format.IsToldIn(text));
        bool takesResults =
            text.Contains(Answer, StringComparison.Ordinal)
            && (takesCalls ? text.Contains(Function, StringComparison.Ordinal) : format is not null);
        return new CallTraits(takesTools, takesCalls, takesResults, !takesMap, format);
    }

    // The template's own printing of a call is what a format must be able to read: words alone would be a guess.
    private static bool IsProbe(ParsedCall call) =>
        call.Name == Function
        && call.Arguments is { Count: 1 } arguments
        && arguments.TryGetValue(Argument, out object? value)
        && value?.ToString() == Value;

    private static bool TryRender(
        ChatTemplate template,
        Dictionary<string, TemplateValue> variables,
        TemplateValue arguments,
        out string text
    ) =>
        TemplateProbe.TryRender(
            template,
            [
                User,
                new ChatTemplateMessage("assistant", "") { ToolCalls = [new ChatTemplateToolCall("callProbe", Function, arguments)] },
                new ChatTemplateMessage("tool", Answer) { ToolCallId = "callProbe", ToolName = Function },
            ],
            variables,
            out text
        );

    private static Dictionary<string, TemplateValue> Tools(ChatTemplate template)
    {
        var variables = new Dictionary<string, TemplateValue>();
        using JsonDocument tools = JsonDocument.Parse(
            $$"""
            [{"type": "function", "function": {"name": "{{Tool}}", "description": "", "parameters": {"type": "object", "properties": { } } } }]
            """
        );
        TemplateProbe.Tell(template, variables, tools.RootElement);
        return variables;
    }
}
