using Tessera.Checkpoints.Output;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// How the authors of LLaVA word prompts, which their checkpoints do not say: by the model's name, and here by what only one language model
/// has, since a folder may be called anything. As chat templates, and null for <c>llava_v1</c>, which is what the engine writes without
/// one. Sources: haotian-liu/LLaVA c121f04, llava/eval/run_llava.py and llava/conversation.py; LLaVA-VL/LLaVA-NeXT, llava/conversation.py.
/// </summary>
internal static class LlavaWording
{
    private const string VisionAssistant =
        "You are a helpful language and vision assistant. You are able to understand the visual content that the user provides, and assist "
        + "the user with a variety of tasks using natural language.";

    private const string Human =
        "A chat between a curious human and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers "
        + "to the human's questions.";

    // Sets system to the caller's sentence or the authors', and turns to the other messages.
    private const string Head =
        "{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] %}{% set turns = messages[1:] %}"
        + "{% else %}{% set system = '%SYSTEM%' %}{% set turns = messages %}{% endif %}";

    private const string InstructionTurns =
        "{% for message in turns %}{% if message['role'] == 'user' %}{% if not loop.first %}{{ '%SEPARATOR%' }}{% endif %}{{ '[INST] ' }}"
        + "{% if loop.first and system %}{{ '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' }}{% endif %}{{ message['content'] + ' [/INST]' }}"
        + "{% else %}{{ ' ' + message['content'] + ' </s>' }}{% endif %}{% endfor %}";

    private const string ChatMlTurns =
        "{{ '<|im_start|>system\\n' + system + '<|im_end|>%END%' }}{% for message in turns %}{{ '<|im_start|>' + message['role'] + '\\n' + "
        + "message['content'] + '<|im_end|>%END%' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

    private const string Llama3Turns =
        "{{ '<|start_header_id|>system<|end_header_id|>\\n\\n' + system + '<|eot_id|>' }}{% for message in turns %}{{ '<|start_header_id|>' + "
        + "message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt "
        + "%}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}";

    private const string HashTurns =
        "{{ system + '###' }}{% for message in turns %}{{ ('Human' if message['role'] == 'user' else 'Assistant') + ': ' + "
        + "message['content'] + '###' }}{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}";

    /// <summary>The template for a checkpoint.</summary>
    /// <param name="config">Its config.json.</param>
    /// <param name="name">What it is called.</param>
    /// <param name="hasToken">Whether its vocabulary has a token.</param>
    public static string? Template(Settings config, string name, Func<string, bool> hasToken)
    {
        string[] names = [name, config.TryText("_name_or_path") ?? ""];
        bool isQwen = Kinds(config).Any(static kind => kind.Contains("qwen", StringComparison.OrdinalIgnoreCase));
        bool isMistral = Kinds(config).Concat(names).Any(static kind => kind.Contains("mistral", StringComparison.OrdinalIgnoreCase));
        if (isQwen)
            return With(ChatMlTurns, "You are a helpful assistant.").Replace("%END%", "\\n", StringComparison.Ordinal);
        if (isMistral)
            return With(InstructionTurns, "").Replace("%SEPARATOR%", "", StringComparison.Ordinal);
        if (hasToken("<|start_header_id|>"))
            return With(Llama3Turns, VisionAssistant);
        if (hasToken("<|im_start|>"))
            return With(ChatMlTurns, "Answer the questions.").Replace("%END%", "", StringComparison.Ordinal);
        if (names.Any(static text => text.Contains("llama-2", StringComparison.OrdinalIgnoreCase)))
            return With(InstructionTurns, VisionAssistant).Replace("%SEPARATOR%", "<s>", StringComparison.Ordinal);
        bool isFirst = names.Any(static text => text.EndsWith("-v0", StringComparison.OrdinalIgnoreCase));
        return isFirst ? With(HashTurns, Human) : null;
    }

    /// <summary>Whether a vocabulary that has been written has a token.</summary>
    public static bool HasToken(Metadata language, string text) =>
        language.Entries.TryGetValue("tokenizer.ggml.tokens", out Gguf.GgufValue? tokens)
        && tokens.TryGetArray(out ReadOnlyMemory<string> texts)
        && texts.Span.Contains(text);

    private static string[] Kinds(Settings config) => [.. config.Texts("architectures"), config.TryText("model_type") ?? ""];

    private static string With(string turns, string system) =>
        (Head + turns).Replace("%SYSTEM%", system.Replace("'", "\\'", StringComparison.Ordinal), StringComparison.Ordinal);
}
