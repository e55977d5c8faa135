using System.Numerics.Tensors;
using System.Text.Json;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Vision;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// MiniCPM-V 2.0, Llama3-V 2.5, 2.6, 4.0, 4.5 and MiniCPM-o 2.6 as OpenBMB released them. Names and keys: ggml-org/llama.cpp v0.5.0,
/// tools/mtmd/legacy-models/minicpmv-surgery.py and minicpmv-convert-image-encoder-to-gguf.py; docs/gguf.md.
/// </summary>
internal sealed class MiniCpmVFamily(Settings config, IReadOnlyCollection<string> names) : CheckpointFamily
{
    private const int KeyPositionSide = 70;
    private static readonly float[] Half = [0.5f, 0.5f, 0.5f];
    private readonly bool isSecond = names.Contains("vpm.pos_embed");
    private readonly bool hasQueryNorm = names.Contains("llm.model.layers.0.self_attn.q_norm.weight");
    private readonly bool hasQueryBias = names.Contains("llm.model.layers.0.self_attn.q_proj.bias");

    public override string Name =>
        Version switch
        {
            1 => "MiniCPM-V 2.0",
            2 => "MiniCPM-Llama3-V 2.5",
            3 => "MiniCPM-V 2.6",
            4 => "MiniCPM-o 2.6",
            5 => "MiniCPM-V 4.0",
            _ => "MiniCPM-V 4.5",
        };

    // The language model tells the release, and so do the queries: 2.5 and 4.0 are both Llamas.
    private long Version =>
        isSecond ? 1
        : hasQueryNorm ? 6
        : hasQueryBias
            ? config.TryText("model_type") == "minicpmo" ? 4
                : 3
        : config.TryCount("query_num") == 96 ? 2
        : 5;

    public static bool Recognises(Settings config) =>
        config.TryText("model_type") is "minicpmv" or "minicpmo"
        || config.Texts("architectures").Any(static name => name is "MiniCPMV" or "MiniCPMO");

    public override Settings LanguageConfig(Settings config)
    {
        string type =
            isSecond ? "minicpm"
            : hasQueryNorm ? "qwen3"
            : hasQueryBias ? "qwen2"
            : "llama";
        return Settings.Merge(
            new Settings(config.Path, JsonDocument.Parse($$"""{"model_type":"{{type}}"}""").RootElement),
            LlavaFamily.Without(config, "architectures", "model_type")
        );
    }

    public override (Side Side, string Name) Place(string name)
    {
        if (name.TryAfter("llm.", out string language))
            return (Side.Language, language);
        if (name.TryAfter("vpm.", out string tower))
            return (tower.StartsWith("head.", StringComparison.Ordinal) ? Side.Ignored : Side.Vision, "tower." + tower);
        if (name is "resampler.pos_embed" or "resampler.pos_embed_k")
            return (Side.Ignored, name);
        if (name.StartsWith("resampler.", StringComparison.Ordinal))
            return (Side.Vision, name);
        return
            name.StartsWith("apm.", StringComparison.Ordinal)
            || name.StartsWith("tts.", StringComparison.Ordinal)
            || name.StartsWith("audio_", StringComparison.Ordinal)
            ? (Side.Ignored, name)
            : (Side.Language, name);
    }

    public override VisionModel ReadVision(VisionSource source)
    {
        long width = source.LanguageWidth,
            queries = source.Require("resampler.query").Shape[0];
        var tower = source.Require(isSecond ? "tower.patch_embed.proj.weight" : "tower.embeddings.patch_embedding.weight");
        var positions = source.Require(isSecond ? "tower.pos_embed" : "tower.embeddings.position_embedding.weight");
        long hidden = tower.Shape[0],
            patch = tower.Shape[^1],
            positionCount = isSecond && positions.Shape.Length == 3 ? positions.Shape[1] : positions.Shape[0];
        string blockPattern = isSecond ? "tower.blocks." : "tower.encoder.layers.";
        long blocks = source
            .Tensors.Keys.Where(name => name.StartsWith(blockPattern, StringComparison.Ordinal))
            .Select(static name => TensorMapper.Pattern(name).Block + 1)
            .DefaultIfEmpty(0)
            .Max();
        long feedForward = source.Require($"{blockPattern}0.mlp.fc1.weight").Shape[0];
        var metadata = new Metadata();
        metadata.Set("clip.has_vision_encoder", true);
        metadata.Set("clip.has_minicpmv_projector", true);
        metadata.Set("clip.projector_type", "resampler");
        metadata.Set("clip.minicpmv_version", Gguf.GgufValue.From((int)Version));
        metadata.Set("clip.minicpmv_query_num", queries);
        metadata.Set(
            "clip.vision.image_size",
            config.Child("slice_config")?.TryCount("scale_resolution") ?? config.TryCount("scale_resolution") ?? 448
        );
        metadata.Set("clip.vision.patch_size", patch);
        metadata.Set("clip.vision.embedding_length", hidden);
        metadata.Set("clip.vision.feed_forward_length", feedForward);
        metadata.Set("clip.vision.projection_dim", 0L);
        metadata.Set(
            "clip.vision.attention.head_count",
            config.Child("vision_config")?.TryCount("num_attention_heads") ?? (hidden % 72 == 0 ? hidden / 72 : hidden / 64)
        );
        metadata.Set("clip.vision.attention.layer_norm_epsilon", 1e-6);
        metadata.Set("clip.vision.block_count", blocks);
        metadata.Set("clip.vision.image_mean", TowerConfig.Colour(source, "image_mean", Half));
        metadata.Set("clip.vision.image_std", TowerConfig.Colour(source, "image_std", Half));
        metadata.Set("clip.use_gelu", true);
        if ((config.Child("slice_config")?.TryCount("max_slice_nums") ?? config.TryCount("max_slice_nums")) is > 0 and long most)
            metadata.Set("clip.vision.preproc_max_tiles", most);
        var dimensions = new Dimensions(
            ('E', hidden),
            ('I', feedForward),
            ('S', patch),
            ('C', 3),
            ('P', positionCount),
            ('H', width),
            ('N', queries),
            ('W', 3 * hidden),
            ('X', 3 * width)
        );
        return new VisionModel(
            metadata,
            [
                .. isSecond ? TimmRules(hidden, positionCount) : TowerConfig.Rules(isClip: false, keepsPostNorm: true),
                .. ResamplerTensors.Rules(width, hidden == width, Project),
            ],
            dimensions,
            blocks
        )
        {
            Extra = [("resampler.pos_embed_k", KeyPositions(width))],
        };
    }

    // libllama multiplies all embeddings, pictures' too, by MiniCPM-2B's scale, which the reference does for text only.
    private TensorValues Project(TensorValues values)
    {
        TensorValues turned = values.Permute(1, 0);
        float scale = (float)(isSecond ? config.TryNumber("scale_emb") ?? 1 : 1);
        return scale == 1 ? turned : turned.Change(elements => TensorPrimitives.Divide(elements, scale, elements));
    }

    // timm's names of a SigLIP tower.
    private static TensorRule[] TimmRules(long hidden, long positions) =>
        [
            new("tower.patch_embed.proj", "v.patch_embd", "ECSS") { Type = TowerConfig.PatchType },
            new("tower.pos_embed", "v.position_embd.weight", "")
            {
                IsWhole = true,
                IsFull = true,
                Change = values => values.Reshape(positions, hidden),
            },
            new("tower.norm", "v.post_ln", "E"),
            new("tower.blocks.{}.norm1", "v.blk.{}.ln1", "E"),
            new("tower.blocks.{}.norm2", "v.blk.{}.ln2", "E"),
            new("tower.blocks.{}.attn.qkv", "", "WE")
            {
                Split = values =>
                    Enumerable.Range(0, 3).Select(part => ($"v.blk.{{}}.attn_{"qkv"[part]}", values.Slice(part * hidden, hidden))),
            },
            new("tower.blocks.{}.attn.proj", "v.blk.{}.attn_out", "EE"),
            new("tower.blocks.{}.mlp.fc1", "v.blk.{}.ffn_up", "IE"),
            new("tower.blocks.{}.mlp.fc2", "v.blk.{}.ffn_down", "EI"),
        ];

    // Not read here, but llama.cpp's loader wants it: sines and cosines of the column in the first half, of the row in the second.
    private static TensorValues KeyPositions(long width)
    {
        int quarter = (int)width / 4;
        var table = new float[KeyPositionSide * KeyPositionSide * width];
        for (int row = 0; row < KeyPositionSide; row++)
        {
            for (int column = 0; column < KeyPositionSide; column++)
            {
                Span<float> entry = table.AsSpan((int)((row * KeyPositionSide + column) * width), (int)width);
                for (int index = 0; index < quarter; index++)
                {
                    float frequency = 1f / MathF.Pow(10000, index / (float)quarter);
                    (entry[index], entry[quarter + index]) = (MathF.Sin(column * frequency), MathF.Cos(column * frequency));
                    (entry[2 * quarter + index], entry[3 * quarter + index]) = (MathF.Sin(row * frequency), MathF.Cos(row * frequency));
                }
            }
        }

        return TensorValues.Of([KeyPositionSide * KeyPositionSide, width], table);
    }
}
