using System.Globalization;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Vision;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// IDEFICS in transformers' layout, as HuggingFaceM4 released it (idefics-9b, idefics-9b-instruct, 80B). Names and keys: docs/gguf.md.
/// </summary>
internal sealed class IdeficsFamily(Settings config) : CheckpointFamily
{
    private const string Embeddings = "model.embed_tokens.weight",
        Head = "lm_head.weight";

    public override string Name => "IDEFICS";

    public static bool Recognises(Settings config) => config.TryText("model_type") == "idefics" && config.Has("vision_config");

    public override Settings LanguageConfig(Settings config) => config;

    public override (Side Side, string Name) Place(string name)
    {
        if (name.TryAfter("model.vision_model.", out string tower))
            return tower.StartsWith("post_layernorm.", StringComparison.Ordinal) ? (Side.Ignored, name) : (Side.Vision, "tower." + tower);
        if (name.TryAfter("model.perceiver_resampler.", out string perceiver))
            return (Side.Vision, "perceiver." + perceiver);
        return name switch
        {
            "model.embed_tokens.additional_embedding.weight" => (Side.Adapter, Embeddings),
            "lm_head.additional_fc.weight" => (Side.Adapter, Head),
            _ => (Side.Language, name),
        };
    }

    // Tokens that were added to a vocabulary of LLaMA's have tables of their own.
    public override TensorValues Adapt(string name, StoredTensor tensor, IReadOnlyDictionary<string, StoredTensor> adapters)
    {
        var values = TensorValues.Of(tensor);
        if (!adapters.TryGetValue(name, out StoredTensor? added))
            return values;
        var more = TensorValues.Of(added);
        return more.Shape.Length == 2 && more.RowLength == values.RowLength
            ? new JoinedValues(values, more)
            : throw added.Fail("does not fit the table that it is added to.");
    }

    public override VisionModel ReadVision(VisionSource source)
    {
        Settings vision = config.Child("vision_config")!,
            perceiver = config.Child("perceiver_config") ?? config;
        var tower = new TowerConfig
        {
            ImageSize = vision.TryCount("image_size") ?? 224,
            PatchSize = vision.TryCount("patch_size") ?? 14,
            Width = vision.TryCount("embed_dim", "hidden_size") ?? 768,
            FeedForward = vision.TryCount("intermediate_size") ?? 5120,
            HeadCount = vision.TryCount("num_attention_heads") ?? 16,
            BlockCount = vision.TryCount("num_hidden_layers") ?? 32,
            Epsilon = vision.TryNumber("layer_norm_eps") ?? 1e-5,
            Activation = vision.TryText("hidden_act") ?? "gelu",
            IsClip = true,
        };
        long heads = perceiver.TryCount("resampler_n_heads") ?? 16,
            head = perceiver.TryCount("resampler_head_dim") ?? 96,
            depth = perceiver.TryCount("resampler_depth") ?? 6;
        if (depth is < 1 or > 64)
            throw perceiver.Wrong("resampler_depth", "within 1 to 64");
        var metadata = new Metadata();
        metadata.Set("clip.projector_type", "idefics");
        tower.SetKeys(metadata, source, tower.BlockCount);
        metadata.Set("clip.perceiver.attention.head_count", heads);
        return new VisionModel(
            metadata,
            [.. TowerConfig.Rules(isClip: true, keepsPostNorm: false), .. Perceiver(depth)],
            new Dimensions([
                .. tower.Letters(source.LanguageWidth),
                ('L', perceiver.TryCount("resampler_n_latents") ?? 64),
                ('A', heads * head),
                ('D', head),
                ('4', 4 * tower.Width),
            ]),
            tower.BlockCount
        );
    }

    private static IEnumerable<TensorRule> Perceiver(long depth)
    {
        yield return new("perceiver.latents", "perceiver.latents", "LE") { IsWhole = true, IsFull = true };
        yield return new("perceiver.layer_norm", "perceiver.norm", "E");
        for (long block = 0; block < depth; block++)
        {
            string number = block.ToString(CultureInfo.InvariantCulture),
                attention = $"perceiver.blocks.{number}.0.",
                feedForward = $"perceiver.blocks.{number}.1.",
                target = $"perceiver.blk.{number}.";
            yield return new(attention + "context_layer_norm", target + "norm_media", "E");
            yield return new(attention + "latents_layer_norm", target + "norm_latents", "E");
            yield return new(attention + "q_layer_norm", target + "q_norm", "D") { IsOptional = true };
            yield return new(attention + "k_layer_norm", target + "k_norm", "D") { IsOptional = true };
            yield return new(attention + "q_proj", target + "q", "AE");
            yield return new(attention + "k_proj", target + "k", "AE");
            yield return new(attention + "v_proj", target + "v", "AE");
            yield return new(attention + "output_proj", target + "out", "EA");
            yield return new(feedForward + "ln", target + "ffn_norm", "E");
            yield return new(feedForward + "fc", target + "ffn_up", "4E");
            yield return new(feedForward + "c_proj", target + "ffn_down", "E4");
        }
    }
}
