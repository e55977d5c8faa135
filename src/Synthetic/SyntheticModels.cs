using Tessera.Gguf;

namespace Tessera.Synthetic;

/// <summary>
/// Makes models with random weights in the shapes of released ones, so that speed can be measured without a download. They answer
/// nonsense at the true cost.
/// </summary>
public static class SyntheticModels
{
    private const int ContextLength = 8192;
    private static readonly int[] NextPinpoints = [336, 672, 672, 336, 672, 672, 1008, 336, 336, 1008];

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
        TowerShape tower = shape.Tower;
        writer.AddMetadata("general.architecture", "clip");
        writer.AddMetadata("clip.has_vision_encoder", true);
        writer.AddMetadata("clip.has_text_encoder", false);
        writer.AddMetadata("clip.projector_type", tower.Family);
        writer.AddMetadata("clip.vision.image_size", (uint)tower.ImageSize);
        writer.AddMetadata("clip.vision.patch_size", 14u);
        writer.AddMetadata("clip.vision.embedding_length", (uint)tower.Width);
        writer.AddMetadata("clip.vision.feed_forward_length", (uint)tower.FeedForward);
        writer.AddMetadata("clip.vision.projection_dim", (uint)shape.Language.Width);
        writer.AddMetadata("clip.vision.block_count", (uint)tower.Blocks);
        writer.AddMetadata("clip.vision.attention.head_count", (uint)tower.Heads);
        writer.AddMetadata("clip.vision.attention.layer_norm_epsilon", 1e-6f);
        writer.AddMetadata("clip.vision.image_mean", GgufValue.FromArray<float>([0.5f, 0.5f, 0.5f]));
        writer.AddMetadata("clip.vision.image_std", GgufValue.FromArray<float>([0.5f, 0.5f, 0.5f]));
        writer.AddMetadata("clip.use_gelu", tower.Family != "mlp");
        var weights = new SyntheticWeights(writer, type);
        WriteTower(tower, weights);
        WriteConnector(shape, writer, weights);
        writer.Save(path);
    }

    private static void WriteTower(TowerShape tower, SyntheticWeights weights)
    {
        int width = tower.Width;
        bool hasClass = tower.Family is "mlp" or "internvl";
        weights.Half("v.patch_embd.weight", 14, 14, 3, width);
        if (tower.Family != "mlp")
            weights.Vector("v.patch_embd.bias", width, 0);
        if (hasClass)
            weights.Values("v.class_embd", width);
        weights.Half("v.position_embd.weight", width, hasClass ? (tower.ImageSize / 14 * (tower.ImageSize / 14)) + 1 : 4900);
        if (tower.Family == "mlp")
            weights.Norm("v.pre_ln", width);
        for (int block = 0; block < tower.Blocks; block++)
        {
            string prefix = $"v.blk.{block}.";
            weights.Norm(prefix + "ln1", width);
            foreach (string part in (string[])["attn_q", "attn_k", "attn_v", "attn_out"])
                weights.Linear(prefix + part, width, width);
            weights.Norm(prefix + "ln2", width);
            weights.Linear(prefix + "ffn_up", width, tower.FeedForward);
            weights.Linear(prefix + "ffn_down", tower.FeedForward, width);
            if (tower.Family != "internvl")
                continue;
            weights.Vector(prefix + "ls1.weight", width, 0.1f);
            weights.Vector(prefix + "ls2.weight", width, 0.1f);
        }
    }

    private static void WriteConnector(SyntheticShape shape, GgufWriter writer, SyntheticWeights weights)
    {
        int width = shape.Tower.Width,
            language = shape.Language.Width;
        switch (shape.Tower.Family)
        {
            case "mlp":
                weights.Linear("mm.0", width, language);
                weights.Linear("mm.2", language, language);
                if (!shape.Slices)
                    return;
                writer.AddMetadata("clip.vision.image_aspect_ratio", "anyres");
                writer.AddMetadata("clip.vision.mm_patch_merge_type", "spatial_unpad");
                writer.AddMetadata("clip.vision.image_grid_pinpoints", GgufValue.FromArray<int>(NextPinpoints));
                weights.Values("model.image_newline", language);
                return;
            case "internvl":
                weights.Norm("mm.model.mlp.0", 4 * width);
                weights.Linear("mm.model.mlp.1", 4 * width, language);
                weights.Linear("mm.model.mlp.3", language, language);
                return;
            case "minicpmv4_6":
                writer.AddMetadata("clip.vision.projector.scale_factor", 4u);
                writer.AddMetadata("clip.vision.wa_layer_indexes", GgufValue.FromArray<int>([6]));
                weights.Norm("v.post_ln", width);
                weights.Norm("v.vit_merger.ln1", width);
                foreach (string part in (string[])["attn_q", "attn_k", "attn_v", "attn_out"])
                    weights.Linear($"v.vit_merger.{part}", width, width);
                weights.Norm("v.vit_merger.ds_ln", 4 * width);
                weights.Linear("v.vit_merger.ds_ffn_up", 4 * width, 4 * shape.Tower.FeedForward);
                weights.Linear("v.vit_merger.ds_ffn_down", 4 * shape.Tower.FeedForward, width);
                weights.Norm("mm.input_norm", 4 * width);
                weights.Linear("mm.up", 4 * width, 4 * width);
                weights.Linear("mm.down", 4 * width, language);
                return;
            default:
                writer.AddMetadata("clip.has_minicpmv_projector", true);
                writer.AddMetadata("clip.minicpmv_version", 3);
                writer.AddMetadata("clip.minicpmv_query_num", 64u);
                weights.Norm("v.post_ln", width);
                weights.Values("resampler.query", language, 64);
                weights.Values("resampler.pos_embed_k", language, 1024);
                weights.Matrix("resampler.kv.weight", width, language);
                foreach (string part in (string[])["q", "k", "v", "out"])
                    weights.Linear($"resampler.attn.{part}", language, language);
                foreach (string norm in (string[])["ln_q", "ln_kv", "ln_post"])
                    weights.Norm($"resampler.{norm}", language);
                weights.Matrix("resampler.proj.weight", language, language);
                return;
        }
    }

    /// <summary>Writes a language model of these dimensions, its weights random.</summary>
    /// <exception cref="ModelFileException">The file cannot be written.</exception>
    internal static void WriteLanguage(LanguageShape shape, string path)
    {
        var writer = new GgufWriter();
        writer.AddMetadata("general.architecture", "llama");
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
            writer.AddMetadata($"llama.{key}", (uint)value);
        writer.AddMetadata("llama.attention.layer_norm_rms_epsilon", 1e-5f);
        SyntheticVocabulary.Write(writer, shape.VocabularySize);
        var weights = new SyntheticWeights(writer, GgufTensorType.Q8_0);
        int keys = shape.Width / shape.Heads * shape.KeyHeads;
        weights.Matrix("token_embd.weight", shape.Width, shape.VocabularySize);
        weights.Matrix("output.weight", shape.Width, shape.VocabularySize);
        weights.Vector("output_norm.weight", shape.Width, 1);
        for (int block = 0; block < shape.Blocks; block++)
        {
            string prefix = $"blk.{block}.";
            weights.Vector(prefix + "attn_norm.weight", shape.Width, 1);
            weights.Vector(prefix + "ffn_norm.weight", shape.Width, 1);
            weights.Matrix(prefix + "attn_q.weight", shape.Width, shape.Width);
            weights.Matrix(prefix + "attn_k.weight", shape.Width, keys);
            weights.Matrix(prefix + "attn_v.weight", shape.Width, keys);
            weights.Matrix(prefix + "attn_output.weight", shape.Width, shape.Width);
            weights.Matrix(prefix + "ffn_gate.weight", shape.Width, shape.FeedForward);
            weights.Matrix(prefix + "ffn_up.weight", shape.Width, shape.FeedForward);
            weights.Matrix(prefix + "ffn_down.weight", shape.FeedForward, shape.Width);
        }

        writer.Save(path);
    }
}
