using Tessera.Gguf;
using Tessera.Vision.Families.Cambrian;

namespace Tessera.Synthetic;

/// <summary>
/// Makes models with random weights in the shapes of released ones, so that speed can be measured without a download. They answer
/// nonsense at the true cost.
/// </summary>
public static class SyntheticModels
{
    private const int ContextLength = 8192;

    /// <summary>The models that can be made.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. SyntheticShape.All.Select(static shape => shape.Name)];

    /// <summary>Makes a model's two files in a folder, or finds them there.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="folder">Where the files go.</param>
    /// <param name="visionIsF16">Whether the projector's matrices are F16; Q8_0 otherwise.</param>
    /// <param name="cancellationToken">Stops between the files.</param>
    /// <exception cref="TesseraException">There is no such model, or a file cannot be written.</exception>
    public static ModelOptions Make(string name, string folder, bool visionIsF16 = false, CancellationToken cancellationToken = default)
    {
        SyntheticShape shape =
            SyntheticShape.All.FirstOrDefault(shape => shape.Name == name)
            ?? throw new TesseraException($"There is no synthetic model '{name}'; there are {string.Join(", ", Names)}.");
        string vision = Path.Combine(folder, $"{name}-mmproj-{(visionIsF16 ? "F16" : "Q8_0")}.gguf"),
            language = Path.Combine(folder, $"{name}-Q8_0.gguf");
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new TesseraException($"{folder}: the folder cannot be made ({failure.Message}).", failure);
        }

        if (!File.Exists(vision))
            WriteVision(shape, vision, visionIsF16 ? GgufTensorType.F16 : GgufTensorType.Q8_0);
        cancellationToken.ThrowIfCancellationRequested();
        if (!File.Exists(language))
            WriteLanguage(shape.Language, language);
        return new ModelOptions { ModelPath = language, ProjectorPath = vision };
    }

    /// <summary>Writes a projector whose matrices have a type: F32, F16 or Q8_0.</summary>
    internal static void WriteVision(SyntheticShape shape, string path, GgufTensorType type)
    {
        var writer = new GgufWriter();
        shape.Projector.Write(new SyntheticWeights(writer, type) { LanguageWidth = shape.Language.Width });
        writer.Save(path);
    }

    /// <summary>Writes a language model of these dimensions, its weights random.</summary>
    /// <exception cref="ModelFileException">The file cannot be written.</exception>
    internal static void WriteLanguage(LanguageShape shape, string path)
    {
        var writer = new GgufWriter();
        if (shape.HasEncoder)
        {
            SyntheticT5.Write(writer, shape);
            writer.Save(path);
            return;
        }

        if (shape.IsMpt)
        {
            SyntheticFlamingo.Write(writer, shape);
            writer.Save(path);
            return;
        }

        if (shape.IsBert)
        {
            SyntheticBlip.Write(writer, shape);
            writer.Save(path);
            return;
        }

        string architecture =
            shape.PlacesRowsFreely ? "qwen2vl"
            : shape.Crossed.Count > 0 ? "mllama"
            : shape.CrossingInterval > 0 ? "idefics"
            : shape.ForPictures == PictureWeights.Expert ? "cogvlm"
            : shape.ForPictures == PictureWeights.Adaptive ? "mplug_owl2"
            : shape.SamplerCount > 0 ? "cambrian"
            : "llama";
        writer.AddMetadata("general.architecture", architecture);
        foreach (
            (string key, int value) in ((string, int)[])
                [
                    ("vocab_size", shape.VocabularySize),
                    ("context_length", ContextLength),
                    ("embedding_length", shape.Width),
                    ("block_count", shape.Blocks),
                    ("feed_forward_length", shape.FeedForward),
                    ("attention.head_count", shape.Heads),
                    ("attention.head_count_kv", shape.KeyHeads),
                    ("rope.dimension_count", shape.Width / shape.Heads),
                ]
        )
            writer.AddMetadata($"{architecture}.{key}", (uint)value);
        writer.AddMetadata($"{architecture}.attention.layer_norm_rms_epsilon", 1e-5f);
        int quarter = shape.Width / shape.Heads / 4;
        if (shape.PlacesRowsFreely)
            writer.AddMetadata("qwen2vl.rope.dimension_sections", GgufValue.FromArray<int>([0, quarter, 0, quarter]));
        if (shape.CrossingInterval > 0)
        {
            writer.AddMetadata("idefics.cross_attention.interval", (uint)shape.CrossingInterval);
            writer.AddMetadata("idefics.cross_attention.memory_length", (uint)shape.MemoryWidth);
        }

        if (shape.SamplerCount > 0)
            SyntheticSamplers.WriteKeys(writer, shape);
        if (shape.Crossed.Count > 0)
            writer.AddMetadata("mllama.attention.cross_attention_layers", GgufValue.FromArray<int>([.. shape.Crossed]));
        SyntheticVocabulary.Write(writer, shape.VocabularySize);
        var weights = new SyntheticWeights(writer, GgufTensorType.Q8_0) { LanguageWidth = shape.Width };
        int keys = shape.Width / shape.Heads * shape.KeyHeads;
        weights.Matrix("token_embd.weight", shape.Width, shape.VocabularySize);
        weights.Matrix("output.weight", shape.Width, shape.VocabularySize);
        weights.Vector("output_norm.weight", shape.Width, 1);
        for (int block = 0; block < shape.Blocks; block++)
        {
            string prefix = $"blk.{block}.";
            weights.Vector(prefix + "attn_norm.weight", shape.Width, 1);
            weights.Vector(prefix + "ffn_norm.weight", shape.Width, 1);
            if (shape.ForPictures == PictureWeights.Expert)
            {
                WriteExpert(weights, prefix + "attn_", prefix + "ffn_", shape);
                WriteExpert(weights, prefix + "vis_attn_", prefix + "vis_", shape);
                weights.Vector(prefix + "vis_attn_qkv.bias", shape.Width + 2 * keys, 0);
                continue;
            }

            if (shape.ForPictures == PictureWeights.Adaptive)
            {
                weights.Vector(prefix + "vis_attn_norm.weight", shape.Width, 1);
                weights.Vector(prefix + "vis_ffn_norm.weight", shape.Width, 1);
                weights.Matrix(prefix + "vis_attn_k.weight", shape.Width, keys);
                weights.Matrix(prefix + "vis_attn_v.weight", shape.Width, keys);
            }

            bool isCrossed = shape.Crossed.Contains(block);
            (string before, string after) = isCrossed ? ("cross_attn_", "_proj.weight") : ("attn_", ".weight");
            weights.Matrix($"{prefix}{before}q{after}", shape.Width, shape.Width);
            weights.Matrix($"{prefix}{before}k{after}", shape.Width, keys);
            weights.Matrix($"{prefix}{before}v{after}", shape.Width, keys);
            weights.Matrix(prefix + (isCrossed ? "cross_attn_o_proj.weight" : "attn_output.weight"), shape.Width, shape.Width);
            if (isCrossed)
                WriteCrossing(weights, prefix, shape.Width / shape.Heads);
            if (shape.CrossingInterval > 0 && block % shape.CrossingInterval == 0)
                WriteGatedBlock(weights, $"{prefix}xattn_", shape);
            if (shape.SamplerCount > 0 && block % shape.SamplerStride == 0 && block / shape.SamplerStride < shape.SamplerCount)
                CambrianShape.WriteSampler(weights, prefix + "sampler.", shape.Width);
            if (shape.PlacesRowsFreely)
            {
                weights.Vector(prefix + "attn_q.bias", shape.Width, 0);
                weights.Vector(prefix + "attn_k.bias", keys, 0);
                weights.Vector(prefix + "attn_v.bias", keys, 0);
            }

            weights.Matrix(prefix + "ffn_gate.weight", shape.Width, shape.FeedForward);
            weights.Matrix(prefix + "ffn_up.weight", shape.Width, shape.FeedForward);
            weights.Matrix(prefix + "ffn_down.weight", shape.FeedForward, shape.Width);
        }

        writer.Save(path);
    }

    private static void WriteExpert(SyntheticWeights weights, string attention, string feedForward, LanguageShape shape)
    {
        int keys = shape.Width / shape.Heads * shape.KeyHeads;
        weights.Matrix(attention + "qkv.weight", shape.Width, shape.Width + 2 * keys);
        weights.Matrix(attention + "output.weight", shape.Width, shape.Width);
        weights.Matrix(feedForward + "gate.weight", shape.Width, shape.FeedForward);
        weights.Matrix(feedForward + "up.weight", shape.Width, shape.FeedForward);
        weights.Matrix(feedForward + "down.weight", shape.FeedForward, shape.Width);
    }

    private static void WriteGatedBlock(SyntheticWeights weights, string prefix, LanguageShape shape)
    {
        weights.Vector(prefix + "norm.weight", shape.Width, 1);
        weights.Matrix(prefix + "q.weight", shape.Width, shape.Width);
        weights.Matrix(prefix + "k.weight", shape.MemoryWidth, shape.Width);
        weights.Matrix(prefix + "v.weight", shape.MemoryWidth, shape.Width);
        weights.Matrix(prefix + "output.weight", shape.Width, shape.Width);
        weights.Vector(prefix + "q_norm.weight", shape.Width / shape.Heads, 1);
        weights.Vector(prefix + "k_norm.weight", shape.Width / shape.Heads, 1);
        weights.Vector(prefix + "ffn_norm.weight", shape.Width, 1);
        weights.Matrix(prefix + "ffn_gate.weight", shape.Width, shape.FeedForward);
        weights.Matrix(prefix + "ffn_up.weight", shape.Width, shape.FeedForward);
        weights.Matrix(prefix + "ffn_down.weight", shape.FeedForward, shape.Width);
        weights.Vector(prefix + "attn_alpha", 1, 0.5f);
        weights.Vector(prefix + "ffn_alpha", 1, 0.5f);
    }

    private static void WriteCrossing(SyntheticWeights weights, string prefix, int head)
    {
        weights.Vector(prefix + "cross_attn_q_norm.weight", head, 1);
        weights.Vector(prefix + "cross_attn_k_norm.weight", head, 1);
        weights.Vector(prefix + "cross_attn_attn_gate", 1, 0.5f);
        weights.Vector(prefix + "cross_attn_mlp_gate", 1, 0.5f);
    }
}
