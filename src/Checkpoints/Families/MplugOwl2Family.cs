using System.Globalization;
using System.Text.Json;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Vision;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// mPLUG-Owl2 as released (MAGAer13/mplug-owl2-llama2-7b; X-PLUG/mPLUG-Owl, mPLUG-Owl2/mplug_owl2/model/visual_encoder.py and
/// configuration_mplug_owl2.py). Keys and names: docs/gguf.md.
/// </summary>
internal sealed class MplugOwl2Family(Settings config) : CheckpointFamily
{
    // The classes' defaults, which configurations may leave out.
    private const string TowerDefaults = """
        {"hidden_size":1024,"intermediate_size":4096,"num_hidden_layers":24,"num_attention_heads":16,"image_size":448,"patch_size":14,
         "hidden_act":"quick_gelu","layer_norm_eps":1e-6,"use_post_layernorm":true,"use_cls_token":true}
        """;

    private const string AbstractorDefaults = """
        {"hidden_size":1024,"encoder_hidden_size":1024,"intermediate_size":2816,"num_hidden_layers":6,"num_attention_heads":16,
         "num_learnable_queries":64,"layer_norm_eps":1e-6,"use_cls_token":true,"grid_size":32}
        """;

    private const int MostAbstractorBlocks = 64;
    private static readonly float[] Mean = [0.48145466f, 0.4578275f, 0.40821073f],
        Deviation = [0.26862954f, 0.26130258f, 0.27577711f];
    private readonly Settings tower = Complete(config, "visual_model", TowerDefaults),
        abstractor = Complete(config, "visual_abstractor", AbstractorDefaults);

    public override string Name => "mPLUG-Owl2";

    // conversation.py words prompts, not a template.
    public override bool KeepsChatTemplate => false;

    public static bool Recognises(Settings config) => config.TryText("model_type") == "mplug_owl2";

    public override Settings LanguageConfig(Settings config) =>
        Settings.Merge(
            new Settings(
                config.Path,
                JsonDocument.Parse($$"""{"model_type":"{{LanguageArchitectures.MplugOwl2}}","architectures":[]}""").RootElement
            ),
            config
        );

    public override (Side Side, string Name) Place(string name)
    {
        if (name.TryAfter("model.vision_model.", out string inner))
            return (Side.Vision, "tower." + inner);
        return name.TryAfter("model.visual_abstractor.", out inner) ? (Side.Vision, "abstractor." + inner) : (Side.Language, name);
    }

    public override VisionModel ReadVision(VisionSource source)
    {
        long width = tower.Size("hidden_size"),
            image = tower.Size("image_size"),
            patch = tower.Size("patch_size"),
            queries = abstractor.Size("num_learnable_queries"),
            features = image / patch * (image / patch) + 1;
        Check(width, image / patch);
        var metadata = new Metadata();
        metadata.Set("clip.has_vision_encoder", true);
        metadata.Set("clip.projector_type", "mplug_owl2");
        metadata.Set("clip.use_gelu", tower.TryText("hidden_act") == "gelu");
        metadata.Set("clip.vision.image_size", image);
        metadata.Set("clip.vision.patch_size", patch);
        metadata.Set("clip.vision.embedding_length", width);
        metadata.Set("clip.vision.feed_forward_length", tower.Size("intermediate_size"));
        metadata.Set("clip.vision.projection_dim", source.LanguageWidth);
        metadata.Set("clip.vision.block_count", tower.Size("num_hidden_layers"));
        metadata.Set("clip.vision.attention.head_count", tower.Size("num_attention_heads"));
        metadata.Set("clip.vision.attention.layer_norm_epsilon", tower.Number("layer_norm_eps"));
        metadata.Set("clip.vision.image_mean", TowerConfig.Colour(source, "image_mean", Mean));
        metadata.Set("clip.vision.image_std", TowerConfig.Colour(source, "image_std", Deviation));
        metadata.Set("clip.vision.projector.head_count", abstractor.Size("num_attention_heads"));
        metadata.Set("clip.vision.projector.layer_norm_epsilon", abstractor.Number("layer_norm_eps"));
        var dimensions = new Dimensions(
            ('E', width),
            ('I', tower.Size("intermediate_size")),
            ('S', patch),
            ('C', 3),
            ('P', features),
            ('W', 3 * width),
            ('O', 1),
            ('H', source.LanguageWidth),
            ('N', queries),
            ('F', abstractor.Size("intermediate_size"))
        );
        int blocks = (int)Math.Min(abstractor.Size("num_hidden_layers"), MostAbstractorBlocks);
        return new VisionModel(
            metadata,
            [
                .. Tower(width),
                .. Connector(width, queries, source.LanguageWidth),
                .. Enumerable.Range(0, blocks).SelectMany(AbstractorBlock),
            ],
            dimensions,
            tower.Size("num_hidden_layers")
        )
        {
            Extra = [.. Enumerable.Range(0, blocks).SelectMany(block => Places(source, block, width, queries, image / patch))],
        };
    }

    private static Settings Complete(Settings config, string key, string defaults) =>
        Settings.Merge(
            config.Child("visual_config")?.Child(key) ?? new Settings(config.Path, JsonDocument.Parse("{}").RootElement),
            new Settings(config.Path, JsonDocument.Parse(defaults).RootElement)
        );

    private void Check(long width, long side)
    {
        if (abstractor.Size("hidden_size") != width || abstractor.Size("encoder_hidden_size") != width)
            throw new CheckpointException(config.Path, $"visual_abstractor has another hidden_size than the tower, {width}.");
        if (abstractor.Size("grid_size") != side || width % 4 != 0)
            throw new CheckpointException(
                config.Path,
                $"visual_abstractor.grid_size does not fit the tower's {side} patches along a side."
            );
        if (tower.TryText("hidden_act") is not ("quick_gelu" or "gelu"))
            throw new CheckpointException(config.Path, "the tower's activation is not known; quick_gelu and gelu are.");
        foreach (
            (Settings part, string flag) in ((Settings, string)[])
                [(tower, "use_post_layernorm"), (tower, "use_cls_token"), (abstractor, "use_cls_token")]
        )
            if (part.TryFlag(flag) == false)
                throw new CheckpointException(config.Path, $"{flag} is false, which the release's is not.");
        if (abstractor.TryFlag("add_v2t_pos_emb") == true)
            throw new CheckpointException(config.Path, "add_v2t_pos_emb is true, which the release's is not.");
    }

    private TensorRule[] Tower(long width) =>
        [
            new("tower.embeddings.cls_token", "v.class_embd", "OOE") { IsWhole = true, Change = values => values.Reshape(width) },
            new("tower.embeddings.patch_embed", "v.patch_embd", "ECSS") { Type = TowerConfig.PatchType },
            new("tower.embeddings.position_embedding", "v.position_embd.weight", "OPE")
            {
                IsWhole = true,
                IsFull = true,
                Change = static values => values.Reshape(values.Shape[1], values.Shape[2]),
            },
            new("tower.embeddings.pre_layernorm", "v.pre_ln", "E"),
            new("tower.post_layernorm", "v.post_ln", "E"),
            new("tower.encoder.layers.{}.input_layernorm", "v.blk.{}.ln1", "E"),
            new("tower.encoder.layers.{}.post_attention_layernorm", "v.blk.{}.ln2", "E"),
            new("tower.encoder.layers.{}.self_attn.query_key_value", "", "WE")
            {
                Split = values => MplugOwlFamily.Apart(values, width / tower.Size("num_attention_heads"), width),
            },
            new("tower.encoder.layers.{}.self_attn.dense", "v.blk.{}.attn_out", "EE"),
            new("tower.encoder.layers.{}.mlp.fc1", "v.blk.{}.ffn_up", "IE"),
            new("tower.encoder.layers.{}.mlp.fc2", "v.blk.{}.ffn_down", "EI"),
        ];

    private static TensorRule[] Connector(long width, long queries, long languageWidth) =>
        [
            new("abstractor.query_embeds", "abstractor.query", "ONE")
            {
                IsWhole = true,
                IsFull = true,
                Change = values => values.Reshape(queries, width),
            },
            new("abstractor.visual_fc", "mm.0", "HE"),
            new("abstractor.vit_eos", "v.image_end", "OOH") { IsWhole = true, Change = values => values.Reshape(languageWidth) },
        ];

    // By their numbers, as there are not so many as the tower's.
    private static TensorRule[] AbstractorBlock(int index)
    {
        string layer = Layer(index),
            block = Block(index);
        return
        [
            new(layer + "norm1", block + "norm1", "E"),
            new(layer + "normk", block + "norm_k", "E"),
            new(layer + "attention.q_pos_embed", block + "query_pos", "NE")
            {
                IsWhole = true,
                IsFull = true,
                IsOptional = true,
            },
            new(layer + "attention.k_pos_embed", block + "key_pos", "PE")
            {
                IsWhole = true,
                IsFull = true,
                IsOptional = true,
            },
            new(layer + "attention.query", block + "attn_q", "EE"),
            new(layer + "attention.key", block + "attn_k", "EE"),
            new(layer + "attention.value", block + "attn_v", "EE"),
            new(layer + "output.out_proj", block + "attn_out", "EE"),
            new(layer + "output.norm2", block + "norm2", "E"),
            new(layer + "output.mlp.w1", block + "ffn_gate", "FE"),
            new(layer + "output.mlp.w3", block + "ffn_up", "FE"),
            new(layer + "output.mlp.ffn_ln", block + "ffn_norm", "F"),
            new(layer + "output.mlp.w2", block + "ffn_down", "EF"),
        ];
    }

    private static string Layer(int index) => $"abstractor.encoder.layers.{index.ToString(CultureInfo.InvariantCulture)}.crossattention.";

    private static string Block(int index) => $"abstractor.blk.{index.ToString(CultureInfo.InvariantCulture)}.";

    // Tables that a checkpoint may leave out, as they follow from the configuration: visual_encoder.py, get_1d_sincos_pos_embed_from_grid
    // and get_2d_sincos_pos_embed, the class token's row of zeros first.
    private static IEnumerable<(string Name, TensorValues Values)> Places(
        VisionSource source,
        int index,
        long width,
        long queries,
        long side
    )
    {
        if (!source.Tensors.ContainsKey(Layer(index) + "attention.q_pos_embed"))
        {
            var values = new float[checked(queries * width)];
            for (int query = 0; query < queries; query++)
                WritePlace(values.AsSpan(checked((int)(query * width)), (int)width), query);
            yield return (Block(index) + "query_pos", TensorValues.Of([queries, width], values));
        }

        if (source.Tensors.ContainsKey(Layer(index) + "attention.k_pos_embed"))
            yield break;
        var places = new float[checked((side * side + 1) * width)];
        for (int row = 0; row < side; row++)
        for (int column = 0; column < side; column++)
        {
            Span<float> place = places.AsSpan(checked((int)((row * side + column + 1) * width)), (int)width);
            WritePlace(place[..(int)(width / 2)], column);
            WritePlace(place[(int)(width / 2)..], row);
        }

        yield return (Block(index) + "key_pos", TensorValues.Of([side * side + 1, width], places));
    }

    // Sines, then cosines, of frequencies in single precision.
    private static void WritePlace(Span<float> values, int position)
    {
        const float Base = 10_000;
        int half = values.Length / 2;
        for (int index = 0; index < half; index++)
        {
            float angle = position * (1 / MathF.Pow(Base, index / (float)half));
            (values[index], values[half + index]) = (MathF.Sin(angle), MathF.Cos(angle));
        }
    }
}
