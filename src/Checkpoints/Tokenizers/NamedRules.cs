using System.Text.RegularExpressions;
using Tessera.Checkpoints.Output;

namespace Tessera.Checkpoints.Tokenizers;

/// <summary>
/// libllama takes a model whose name says Phi-3 for one whose special tokens swallow the blanks behind them, and for one that has a certain
/// token (ggml-org/llama.cpp v0.5.0, src/llama-vocab.cpp). The name that is written says it where it is so, and only there.
/// </summary>
internal static partial class NamedRules
{
    private const string NameKey = "general.name",
        RequiredToken = "<|endoftext|>";

    /// <summary>Changes the name where it would say what is not so, or fails to say what is.</summary>
    public static void Apply(Metadata metadata, CheckpointFolder folder, string architecture)
    {
        if (!metadata.Entries.TryGetValue(NameKey, out Gguf.GgufValue? value) || !value.TryGet(out string? name))
            return;
        bool says = Phi3().IsMatch(name!),
            holds = TokenizerFiles.SwallowsBlanks(folder) && HasToken(metadata);
        if (says && !holds)
            metadata.Set(NameKey, Phi3().Replace(name!, "$1 3"));
        else if (!says && holds && architecture == "phi3")
            metadata.Set(NameKey, $"{name} (Phi-3)");
    }

    private static bool HasToken(Metadata metadata) =>
        metadata.Entries.TryGetValue("tokenizer.ggml.tokens", out Gguf.GgufValue? tokens)
        && tokens.TryGetArray(out ReadOnlyMemory<string> texts)
        && texts.Span.Contains(RequiredToken);

    [GeneratedRegex("(phi)-?3", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Phi3();
}
