using System.Globalization;
using System.Text.Json;
using Tessera.Checkpoints.Families;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Weights;
using Tessera.Gguf;

namespace Tessera.Checkpoints.Vision;

/// <summary>
/// A CLIP or SigLIP tower: its dimensions, keys and tensors. Names: ggml-org/llama.cpp v0.5.0, gguf-py/gguf/tensor_mapping.py and
/// tools/mtmd/legacy-models/convert_image_encoder_to_gguf.py (whose exchange of ffn_up and ffn_down is not repeated).
/// </summary>
internal sealed record TowerConfig
{
    private static readonly float[] ClipMean = [0.48145466f, 0.4578275f, 0.40821073f],
        ClipDeviation = [0.26862954f, 0.26130258f, 0.27577711f];
    private static readonly float[] Half = [0.5f, 0.5f, 0.5f];

    public required long ImageSize { get; init; }

    public required long PatchSize { get; init; }

    public required long Width { get; init; }

    public required long FeedForward { get; init; }

    public required long HeadCount { get; init; }

    public required long BlockCount { get; init; }

    public required double Epsilon { get; init; }

    /// <summary>The activation as configurations call it.</summary>
    public required string Activation { get; init; }

    /// <summary>Whether it has a class token and a norm before the blocks, as CLIP's have.</summary>
    public required bool IsClip { get; init; }

    /// <summary>Whether it was told from the tensors, for want of a configuration.</summary>
    public bool IsFromTensors { get; private init; }

    /// <summary>Learned positions that are stored, where they are not one for each patch and the class token; else 0.</summary>
    public long PositionCount { get; init; }

    /// <summary>Reads a configuration, with the defaults of its class (huggingface/transformers v5.12, models/clip and
    /// models/siglip).</summary>
    public static TowerConfig Read(Settings vision)
    {
        bool isClip = vision.TryText("model_type") is null or "clip_vision_model" or "clip";
        string defaults = isClip
            ? """{"hidden_size":768,"intermediate_size":3072,"num_hidden_layers":12,"num_attention_heads":12,"image_size":224,"patch_size":32,"hidden_act":"quick_gelu","layer_norm_eps":1e-5}"""
            : """{"hidden_size":768,"intermediate_size":3072,"num_hidden_layers":12,"num_attention_heads":12,"image_size":224,"patch_size":16,"hidden_act":"gelu_pytorch_tanh","layer_norm_eps":1e-6}""";
        Settings full = Settings.Merge(vision, new Settings(vision.Path, JsonDocument.Parse(defaults).RootElement));
        return new TowerConfig
        {
            ImageSize = full.Size("image_size"),
            PatchSize = full.Size("patch_size"),
            Width = full.Size("hidden_size"),
            FeedForward = full.Size("intermediate_size"),
            HeadCount = full.Size("num_attention_heads"),
            BlockCount = full.Size("num_hidden_layers"),
            Epsilon = full.Number("layer_norm_eps"),
            Activation = full.TryText("hidden_act") ?? "",
            IsClip = isClip,
        };
    }

    /// <summary>
    /// Tells the dimensions from the tensors, for authors' checkpoints that hold the tower but name only where it came from. A head's width
    /// is 64, and 72 for SigLIP's so400m.
    /// </summary>
    public static TowerConfig FromTensors(VisionSource source, string towerName)
    {
        StoredTensor patches = source.Require("tower.embeddings.patch_embedding.weight"),
            positions = source.Require("tower.embeddings.position_embedding.weight");
        if (patches.Shape.Length != 4 || positions.Shape.Length != 2)
            throw patches.Fail("is no tower's patch embedding.");
        bool isClip = source.Tensors.ContainsKey("tower.embeddings.class_embedding");
        long width = patches.Shape[0],
            patchSize = patches.Shape[3];
        long side = (long)Math.Sqrt(positions.Shape[0]);
        long blocks = source
            .Tensors.Keys.Where(static name => name.StartsWith("tower.encoder.layers.", StringComparison.Ordinal))
            .Select(static name => TensorMapper.Pattern(name).Block + 1)
            .DefaultIfEmpty(0)
            .Max();
        bool isLaion = towerName.Contains("laion", StringComparison.OrdinalIgnoreCase);
        return new TowerConfig
        {
            IsFromTensors = true,
            ImageSize = ImageSizeOf(towerName, side * patchSize, patchSize),
            PatchSize = patchSize,
            Width = width,
            FeedForward = source.Require("tower.encoder.layers.0.mlp.fc1.weight").Shape[0],
            HeadCount =
                width % 72 == 0 && !isClip ? width / 72
                : isLaion ? width / 80
                : width / 64,
            BlockCount = blocks,
            Epsilon = isClip ? 1e-5 : 1e-6,
            Activation =
                isLaion ? "gelu"
                : isClip ? "quick_gelu"
                : "gelu_pytorch_tanh",
            IsClip = isClip,
        };
    }

    // Patches cover the input but for a margin, which only the name tells: siglip-so400m-patch14-384 has 27 patches of 14.
    private static long ImageSizeOf(string towerName, long covered, long patchSize)
    {
        string digits = towerName[(towerName.LastIndexOf('-') + 1)..];
        return
            long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long named)
            && named >= covered
            && named < covered + patchSize
            ? named
            : covered;
    }

    /// <summary>The letters of the rules' shapes: width, feed-forward, positions, patch side, colours, the language model's
    /// width.</summary>
    public (char, long)[] Letters(long languageWidth) =>
        [
            ('E', Width),
            ('I', FeedForward),
            ('S', PatchSize),
            ('C', 3),
            ('H', languageWidth),
            ('P', PositionCount > 0 ? PositionCount : ImageSize / PatchSize * (ImageSize / PatchSize) + (IsClip ? 1 : 0)),
        ];

    /// <summary>The tower's tensors, named <c>tower.*</c>.</summary>
    /// <param name="isClip">Whether it has a class token and a norm before the blocks.</param>
    /// <param name="keepsPostNorm">Whether the norm behind the last block is used.</param>
    public static TensorRule[] Rules(bool isClip, bool keepsPostNorm)
    {
        List<TensorRule> rules =
        [
            new("tower.embeddings.patch_embedding", "v.patch_embd", "ECSS") { Type = PatchType },
            new("tower.embeddings.position_embedding", "v.position_embd", "PE") { IsFull = true },
        ];
        if (isClip)
        {
            rules.Add(new("tower.embeddings.class_embedding", "v.class_embd", "E") { IsWhole = true });
            rules.Add(new("tower.pre_layrnorm", "v.pre_ln", "E"));
        }

        if (keepsPostNorm)
            rules.Add(new("tower.post_layernorm", "v.post_ln", "E"));
        rules.AddRange([
            Block("layer_norm1", "ln1", "E"),
            Block("layer_norm2", "ln2", "E"),
            Block("self_attn.q_proj", "attn_q", "EE"),
            Block("self_attn.k_proj", "attn_k", "EE"),
            Block("self_attn.v_proj", "attn_v", "EE"),
            Block("self_attn.out_proj", "attn_out", "EE"),
            Block("mlp.fc1", "ffn_up", "IE"),
            Block("mlp.fc2", "ffn_down", "EI"),
        ]);
        return [.. rules];
    }

    /// <summary>The convolution's kernel is never quantized (conversion/base.py: MmprojModel.tensor_force_quant).</summary>
    public static GgufTensorType PatchType(GgufTensorType type) => type == GgufTensorType.F16 ? GgufTensorType.F16 : GgufTensorType.F32;

    /// <summary>Sets the keys that every projector has.</summary>
    public void SetKeys(Metadata metadata, VisionSource source, long blockCount)
    {
        metadata.Set("clip.has_vision_encoder", true);
        metadata.Set("clip.vision.image_size", ImageSize);
        metadata.Set("clip.vision.patch_size", PatchSize);
        metadata.Set("clip.vision.embedding_length", Width);
        metadata.Set("clip.vision.feed_forward_length", FeedForward);
        metadata.Set("clip.vision.projection_dim", source.LanguageWidth);
        metadata.Set("clip.vision.attention.head_count", HeadCount);
        metadata.Set("clip.vision.attention.layer_norm_epsilon", Epsilon);
        metadata.Set("clip.vision.block_count", blockCount);
        metadata.Set("clip.vision.image_mean", Colour(source, "image_mean", IsClip ? ClipMean : Half));
        metadata.Set("clip.vision.image_std", Colour(source, "image_std", IsClip ? ClipDeviation : Half));
        switch (Activation)
        {
            case "gelu":
                metadata.Set("clip.use_gelu", true);
                break;
            case "silu":
                metadata.Set("clip.use_silu", true);
                break;
            case "quick_gelu" when IsClip:
                metadata.Set("clip.use_gelu", false);
                break;
            case "gelu_pytorch_tanh" or "gelu_new" or "gelu_fast" when !IsClip:
                metadata.Set("clip.use_gelu", true);
                break;
            default:
                throw new CheckpointException(
                    source.Config.Path,
                    $"the tower's activation '{CheckpointFolder.Shown(Activation)}' is not known."
                );
        }
    }

    /// <summary>Three numbers of the processor.</summary>
    public static float[] Colour(VisionSource source, string key, float[] fallback)
    {
        if (source.Processor is not Settings processor || processor.TryNumbers(key) is not double[] values)
            return fallback;
        return values.Length == 3 ? Array.ConvertAll(values, static value => (float)value) : throw processor.Wrong(key, "three numbers");
    }

    private static TensorRule Block(string source, string target, string shape) =>
        new($"tower.encoder.layers.{{}}.{source}", $"v.blk.{{}}.{target}", shape);
}
