using System.Globalization;
using System.Text.Json;
using Tessera.ChatTemplates;

namespace Tessera.Extensions.AI;

/// <summary>Renders conversations of a few words, to find out what a template can do.</summary>
internal static class TemplateProbe
{
    /// <summary>Renders; false where the template fails.</summary>
    /// <param name="template">The template; null for none.</param>
    /// <param name="messages">The conversation.</param>
    /// <param name="variables">What the template is told.</param>
    /// <param name="text">The prompt.</param>
    public static bool TryRender(
        ChatTemplate? template,
        IReadOnlyList<ChatTemplateMessage> messages,
        IReadOnlyDictionary<string, TemplateValue> variables,
        out string text
    )
    {
        text = "";
        if (template is null)
            return false;
        try
        {
            text = string.Concat(
                new ChatPromptRenderer(template, [], limits: TemplateLimits.Probe)
                    .Render(messages, addGenerationPrompt: true, "", "", variables)
                    .Select(static segment => segment.Text)
            );
            return true;
        }
        catch (TemplateException)
        {
            return false;
        }
    }

    /// <summary>Tells a template of tools, by all names that it may know them by.</summary>
    /// <param name="template">The template.</param>
    /// <param name="variables">What the template is told.</param>
    /// <param name="tools">The tools, a JSON list.</param>
    public static void Tell(ChatTemplate template, Dictionary<string, TemplateValue> variables, JsonElement tools)
    {
        variables["tools"] = TemplateValue.FromJson(tools);
        // SmolLM3 has two lists, and Firefunction wants JSON and the date.
        if (template.Source.Contains("xml_tools", StringComparison.Ordinal))
            variables["xml_tools"] = variables["tools"];
        if (!template.Source.Contains("functools[", StringComparison.Ordinal))
            return;
        variables["functions"] = TemplateValue.From(tools.GetRawText());
        variables["datetime"] = TemplateValue.From(TimeProvider.System.GetLocalNow().ToString("MMM dd yyyy", CultureInfo.InvariantCulture));
    }
}
