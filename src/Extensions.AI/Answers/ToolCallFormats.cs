namespace Tessera.Extensions.AI;

/// <summary>The one table of formats, and the words in a template that point to each.</summary>
internal static class ToolCallFormats
{
    // Of two rows that fit, the first is tried first; which of them holds, the template's own printing of a call decides (TemplateTraits).
    private static readonly (string[] Words, Func<string, ToolCallFormat> Create)[] Rows =
    [
        (["<|channel|>final<|message|>", "<|call|>"], _ => new HarmonyCallFormat()),
        (["[TOOL_CALLS]"], template => new MistralCallFormat(template.Contains("[ARGS]", StringComparison.Ordinal))),
        (["<|tool_calls_section_begin|>"], _ => MarkedCallFormat.Kimi),
        (["<｜tool▁calls▁begin｜>", "```json"], _ => MarkedCallFormat.DeepSeekR1),
        (["<｜tool▁calls▁begin｜>"], _ => MarkedCallFormat.DeepSeekV31),
        (["｜DSML｜", "function_calls"], _ => MarkedCallFormat.DeepSeek("function_calls")),
        (["｜DSML｜", "tool_calls"], _ => MarkedCallFormat.DeepSeek("tool_calls")),
        (["<minimax:tool_call>"], _ => MarkedCallFormat.MiniMaxM2),
        (["<seed:tool_call>"], _ => MarkedCallFormat.Seed),
        (["<tool_call>", "<function="], _ => MarkedCallFormat.Qwen3Coder),
        (["<tool_call>", "<arg_key>"], _ => MarkedCallFormat.Glm),
        (["<|tool_call>call:"], _ => new GemmaCallFormat()),
        (["<|tool_call:begin|>"], _ => MarkedCallFormat.Solar),
        (["<|START_ACTION|>"], _ => JsonCallFormat.Cohere),
        (["Action:", "\"tool_name\""], _ => JsonCallFormat.CommandR),
        (["<|tool_call_start|>"], _ => new PythonCallFormat()),
        (["List of tools: "], _ => new PythonCallFormat()),
        (["<tool_calls>["], _ => JsonCallFormat.Apriel),
        (["<tool_calls>"], _ => JsonCallFormat.MiniMaxM1),
        (["<tool_call>"], _ => JsonCallFormat.Hermes),
        (
            ["<|tool_call|>"],
            template =>
                JsonCallFormat.Phi(
                    isList: template.Contains("<|tool_call|>[", StringComparison.Ordinal)
                        || template.Contains("JSON list of tools", StringComparison.Ordinal)
                )
        ),
        (["<TOOLCALL>"], _ => JsonCallFormat.Nemotron),
        (["<|tools_prefix|>"], _ => JsonCallFormat.Apertus),
        (["<|function_call|>"], _ => JsonCallFormat.GigaChat),
        (["functools["], _ => JsonCallFormat.Firefunction),
        (["<function name=\"", "<param name=\""], _ => MarkedCallFormat.MiniCpm),
        (["<function="], _ => MarkedCallFormat.Functionary),
        (["<|python_tag|>"], _ => new LlamaCallFormat()),
        (["\"parameters\"", "<|eot_id|>"], _ => new LlamaCallFormat()),
    ];

    /// <summary>The formats that a template's text points to, the likeliest first.</summary>
    /// <param name="template">The template's text.</param>
    public static IEnumerable<ToolCallFormat> Of(string template) =>
        Rows.Where(row => row.Words.All(word => template.Contains(word, StringComparison.Ordinal))).Select(row => row.Create(template));
}
