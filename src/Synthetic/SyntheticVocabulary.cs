using Tessera.Gguf;

namespace Tessera.Synthetic;

/// <summary>
/// A vocabulary for models with random weights: byte-level BPE with the 256 bytes, merges for everyday English words, so that
/// questions take about as many tokens as a released model's, the special tokens of all families, and names for the rest.
/// </summary>
internal static class SyntheticVocabulary
{
    private const char Space = 'Ġ';
    private const int Normal = 1,
        Control = 3,
        Unused = 5; // llama.cpp v0.5.0, include/llama.h, LLAMA_TOKEN_TYPE_*
    private static readonly string[] Specials =
    [
        "<s>",
        "</s>",
        "<image>",
        "</image>",
        "<slice>",
        "</slice>",
        "<image_id>",
        "</image_id>",
        "<img>",
        "</img>",
        "<IMG_CONTEXT>",
    ];

    private const string Words =
        "A a about above all an and And answer answers any are artificial as assistant at be between big black blue both but by can "
        + "chat colour "
        + "curious describe Describe detailed different do does else find for from gives green have helpful here How how human in In "
        + "intelligence is it Is kind "
        + "large left like many more name no not number of on one only or other people picture pictures polite questions read red right "
        + "say says "
        + "see show shows sign small so some text than that the The their there these they thing things this to top two user very was we "
        + "What what Where where "
        + "which Which who Who why will with word words write yellow yes you your";

    /// <summary>A Unigram vocabulary of words, letters and T5's special tokens.</summary>
    public static void WriteUnigram(GgufWriter writer, int size)
    {
        List<string> tokens = ["<pad>", "</s>", "<unk>", .. Words.Split(' ').Distinct().Select(static word => $"\u2581{word}"), "\u2581"];
        tokens.AddRange(Enumerable.Range(33, 94).Select(static code => ((char)code).ToString()));
        while (tokens.Count < size)
            tokens.Add($"[unused{tokens.Count}]");
        writer.AddMetadata("tokenizer.ggml.model", "t5");
        writer.AddMetadata("tokenizer.ggml.pre", "default");
        writer.AddMetadata("tokenizer.ggml.tokens", GgufValue.FromArray<string>([.. tokens]));
        // Longer pieces are likelier than their letters.
        writer.AddMetadata(
            "tokenizer.ggml.scores",
            GgufValue.FromArray<float>([.. tokens.Select(static token => token.Length > 1 ? -4f : -8f)])
        );
        writer.AddMetadata(
            "tokenizer.ggml.token_type",
            GgufValue.FromArray<int>([.. tokens.Select(static (_, id) => id < 3 ? Control : Normal)])
        );
        writer.AddMetadata("tokenizer.ggml.eos_token_id", 1u);
        writer.AddMetadata("tokenizer.ggml.unknown_token_id", 2u);
        writer.AddMetadata("tokenizer.ggml.padding_token_id", 0u);
    }

    public static void Write(GgufWriter writer, int size)
    {
        List<string> tokens = Bytes();
        List<string> merges = Merges(tokens);
        int special = tokens.Count;
        tokens.AddRange(Specials);
        while (tokens.Count < size)
            tokens.Add($"[unused{tokens.Count}]");
        writer.AddMetadata("tokenizer.ggml.model", "gpt2");
        writer.AddMetadata("tokenizer.ggml.pre", "gpt-2");
        writer.AddMetadata("tokenizer.ggml.tokens", GgufValue.FromArray<string>([.. tokens]));
        writer.AddMetadata(
            "tokenizer.ggml.token_type",
            GgufValue.FromArray<int>([
                .. Enumerable
                    .Range(0, size)
                    .Select(index =>
                        index < special ? Normal
                        : index < special + Specials.Length ? Control
                        : Unused
                    ),
            ])
        );
        writer.AddMetadata("tokenizer.ggml.merges", GgufValue.FromArray<string>([.. merges]));
        writer.AddMetadata("tokenizer.ggml.bos_token_id", (uint)special);
        writer.AddMetadata("tokenizer.ggml.eos_token_id", (uint)(special + 1));
        writer.AddMetadata("tokenizer.ggml.add_bos_token", true);
    }

    // openai/gpt-2, src/encoder.py, bytes_to_unicode: printable bytes stand for themselves, the others follow from U+0100 on.
    private static List<string> Bytes()
    {
        int others = 0;
        return
        [
            .. Enumerable
                .Range(0, 256)
                .Select(value =>
                    ((char)(value is (>= 33 and <= 126) or (>= 161 and <= 172) or >= 174 ? value : 256 + others++)).ToString()
                ),
        ];
    }

    // Each word behind a space grows letter by letter: the words' beginnings are tokens, too.
    private static List<string> Merges(List<string> tokens)
    {
        var known = new HashSet<string>(tokens);
        var merges = new List<string>();
        foreach (string word in Words.Split(' '))
        {
            for (int length = 1; length <= word.Length; length++)
            {
                string longer = Space + word[..length];
                if (!known.Add(longer))
                    continue;
                merges.Add($"{longer[..^1]} {longer[^1]}");
                tokens.Add(longer);
            }
        }

        return merges;
    }
}
