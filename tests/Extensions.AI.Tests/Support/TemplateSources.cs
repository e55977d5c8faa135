using Tessera.ChatTemplates;

namespace Tessera.Extensions.AI.Tests.Support;

/// <summary>Chat templates in the manner of the well-known ones, as short as they can be.</summary>
internal static class TemplateSources
{
    /// <summary>Tools and calls in tags, thoughts, and a switch for them.</summary>
    public const string Hermes = """
        {%- if tools %}<tools>{% for tool in tools %}{{ tool | tojson }}{% endfor %}</tools>
        {% endif -%}
        {%- for m in messages -%}
        [{{ m.role }}]
        {%- if m.role == 'tool' %}<tool_response>{{ m.content }}</tool_response>
        {%- elif m.content is string %}{{ m.content }}
        {%- else %}{% for p in m.content %}{{ '<image>' if p.type == 'image' else p.text }}{% endfor %}{% endif -%}
        {%- for call in m.tool_calls or [] %}<tool_call>{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}</tool_call>{% endfor %}
        {% endfor -%}
        {%- if add_generation_prompt %}[assistant]{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}{% endif -%}
        """;

    /// <summary>As <see cref="Hermes"/>, and the prompt opens the thought.</summary>
    public static string OpensThought =>
        Hermes.Replace("<think></think>{% endif %}", "<think></think>{% else %}<think>{% endif %}", StringComparison.Ordinal);

    /// <summary>Calls as bare JSON.</summary>
    public static string Llama =>
        Hermes
            .Replace("<tool_call>", "", StringComparison.Ordinal)
            .Replace("</tool_call>", "<|eot_id|>", StringComparison.Ordinal)
            .Replace("\"arguments\": ", "\"parameters\": ", StringComparison.Ordinal);

    /// <summary>Calls as a list behind a control token; arguments are joined to text.</summary>
    public static string Mistral =>
        Hermes
            .Replace("<tool_call>", "[TOOL_CALLS][", StringComparison.Ordinal)
            .Replace("</tool_call>", "]", StringComparison.Ordinal)
            .Replace("{{ call.function.arguments | tojson }}", "{{ '' + call.function.arguments }}", StringComparison.Ordinal);

    /// <summary>No tools and no thoughts.</summary>
    public const string Plain = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]";

    public static ChatTemplate Parse(string source) => ChatTemplate.Parse(source, "test");
}
