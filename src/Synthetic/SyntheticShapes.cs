namespace Tessera.Synthetic;

/// <summary>Dimensions of a vision tower and its connector, as a released model has them.</summary>
/// <param name="Family">The projector's type in GGUF.</param>
/// <param name="ImageSize">Side of the tower's input in pixels.</param>
/// <param name="Width">Width of a token.</param>
/// <param name="FeedForward">Width inside the feed-forward networks.</param>
/// <param name="Heads">Attention heads.</param>
/// <param name="Blocks">Blocks that the file stores.</param>
internal sealed record TowerShape(string Family, int ImageSize, int Width, int FeedForward, int Heads, int Blocks)
{
    /// <summary>openai/clip-vit-large-patch14-336; LLaVA's files leave the last of 24 blocks out.</summary>
    public static TowerShape ClipLarge { get; } = new("mlp", 336, 1024, 4096, 16, 23);

    /// <summary>The SigLIP-400M tower of openbmb/MiniCPM-V-2_6, config.json.</summary>
    public static TowerShape Siglip { get; } = new("resampler", 448, 1152, 4304, 16, 27);

    /// <summary>The tower of openbmb/MiniCPM-V-4.6, config.json.</summary>
    public static TowerShape MergingSiglip { get; } = Siglip with { Family = "minicpmv4_6" };

    /// <summary>OpenGVLab/InternViT-300M-448px, config.json.</summary>
    public static TowerShape InternVit { get; } = new("internvl", 448, 1024, 4096, 16, 24);
}

/// <summary>Dimensions of a language model of the Llama architecture.</summary>
internal sealed record LanguageShape(int Width, int FeedForward, int Blocks, int Heads, int KeyHeads, int VocabularySize)
{
    /// <summary>lmsys/vicuna-7b-v1.5, config.json.</summary>
    public static LanguageShape Vicuna7B { get; } = new(4096, 11008, 32, 32, 32, 32064);

    /// <summary>TinyLlama/TinyLlama-1.1B-Chat-v1.0, config.json.</summary>
    public static LanguageShape TinyLlama { get; } = new(2048, 5632, 22, 32, 4, 32000);

    /// <summary>Qwen/Qwen2-7B, config.json, in the Llama architecture (without the biases of q, k and v).</summary>
    public static LanguageShape Qwen7B { get; } = new(3584, 18944, 28, 28, 4, 152064);

    /// <summary>The language model of openbmb/MiniCPM-V-4.6, config.json, in the Llama architecture (full attention in all
    /// blocks).</summary>
    public static LanguageShape Qwen1B { get; } = new(1024, 3584, 24, 8, 2, 248320);

    /// <summary>internlm/internlm2_5-7b, config.json, in the Llama architecture.</summary>
    public static LanguageShape InternLm7B { get; } = new(4096, 14336, 32, 32, 8, 92553);
}

/// <summary>A model whose weights are random but whose shapes are a released model's.</summary>
/// <param name="Name">What the command line calls it.</param>
/// <param name="Tower">The vision side.</param>
/// <param name="Language">The language side.</param>
/// <param name="Slices">Whether pictures are cut, where the family leaves that to a key.</param>
internal sealed record SyntheticShape(string Name, TowerShape Tower, LanguageShape Language, bool Slices = true)
{
    public static IReadOnlyList<SyntheticShape> All { get; } =
    [
        new("llava-1.5-7b", TowerShape.ClipLarge, LanguageShape.Vicuna7B, Slices: false),
        new("llava-1.5-1b", TowerShape.ClipLarge, LanguageShape.TinyLlama, Slices: false),
        new("llava-next-7b", TowerShape.ClipLarge, LanguageShape.Vicuna7B),
        new("llava-next-1b", TowerShape.ClipLarge, LanguageShape.TinyLlama),
        new("minicpm-v-2.6", TowerShape.Siglip, LanguageShape.Qwen7B),
        new("minicpm-v-1b", TowerShape.Siglip, LanguageShape.TinyLlama),
        new("minicpm-v-4.6", TowerShape.MergingSiglip, LanguageShape.Qwen1B),
        new("internvl2-8b", TowerShape.InternVit, LanguageShape.InternLm7B),
        new("internvl2-1b", TowerShape.InternVit, LanguageShape.TinyLlama),
    ];
}
