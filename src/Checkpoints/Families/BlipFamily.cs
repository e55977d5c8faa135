using System.Globalization;
using System.Text.Json;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Vision;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// BLIP as Salesforce released it: captions, answers to questions, and matching of pictures and texts, in transformers' layout
/// (Salesforce/blip-image-captioning-large, blip-vqa-base, blip-itm-base-coco, ...) or with the names of the authors' files
/// (salesforce/LAVIS, salesforce/BLIP), for which a config.json of transformers' kind lies beside them. Keys: docs/gguf.md.
/// </summary>
internal sealed class BlipFamily : CheckpointFamily
{
    // BlipVisionConfig's own.
    private const string TowerDefaults = """
        {"hidden_size":768,"intermediate_size":3072,"num_hidden_layers":12,"num_attention_heads":12,"image_size":384,"patch_size":16,
         "layer_norm_eps":1e-5}
        """;

    // BlipTextConfig's own.
    private const string TextDefaults = """
        {"vocab_size":30524,"hidden_size":768,"intermediate_size":3072,"num_hidden_layers":12,"num_attention_heads":8,
         "max_position_embeddings":512,"layer_norm_eps":1e-12,"bos_token_id":30522,"pad_token_id":0,"sep_token_id":102}
        """;

    // What training needs.
    private static readonly string[] TrainingNames = ["temp", "image_queue", "text_queue", "ptr_queue", "queue_ptr", "idx_queue"];
    private readonly Settings config;
    private readonly BlipKind kind;
    private readonly Settings text;

    public BlipFamily(Settings config, IReadOnlyCollection<string> names)
    {
        (this.config, kind) = (config, KindOf(config, names));
        text = ReadText();
    }

    public override string Name => "BLIP";

    public override bool KeepsChatTemplate => false;

    public override bool HasLanguage => kind != BlipKind.Matching;

    /// <summary>Whether a checkpoint is of this kind.</summary>
    public static bool Recognises(Settings config) => config.TryText("model_type") == "blip";

    public override Settings LanguageConfig(Settings config) => text;

    public override (Side Side, string Name) Place(string name)
    {
        if (name.TryAfter("vision_model.", out string tower))
            return (Side.Vision, "tower." + tower);
        if (name.TryAfter("visual_encoder.", out string theirs))
            return (Side.Vision, "tower." + TowerName(theirs));
        if (name.TryAfter("text_decoder.", out string decoder))
            return IsCopy(decoder) || !HasLanguage ? (Side.Ignored, name) : (Side.Language, decoder);
        if (name.TryAfter("text_encoder.", out string encoder))
            return kind == BlipKind.Captions || encoder.StartsWith("pooler.", StringComparison.Ordinal)
                ? (Side.Ignored, name)
                : (Side.Vision, "text." + encoder);
        string root = name.Split('.')[0];
        if (root is "vision_proj" or "text_proj" or "itm_head")
            return kind == BlipKind.Matching ? (Side.Vision, name) : (Side.Ignored, name);
        return TrainingNames.Contains(root) || root.EndsWith("_m", StringComparison.Ordinal) ? (Side.Ignored, name) : (Side.Language, name);
    }

    public override VisionModel ReadVision(VisionSource source)
    {
        EvaTower tower = Tower();
        var metadata = new Metadata();
        metadata.Set("clip.projector_type", "blip");
        tower.SetKeys(metadata, source);
        List<TensorRule> rules = [.. tower.Rules()];
        var letters = new List<(char, long)>(tower.Letters);
        if (kind != BlipKind.Captions)
        {
            var reader = new BlipTextPart(text);
            reader.SetKeys(metadata, source.Folder);
            rules.AddRange(reader.Rules());
            letters.AddRange(reader.Letters);
        }

        if (kind == BlipKind.Matching)
        {
            letters.AddRange([('2', 2), ('X', config.TryCount("image_text_hidden_size") ?? 256)]);
            rules.AddRange([
                new TensorRule("vision_proj", "v.proj", "XE"),
                new TensorRule("text_proj", "t.proj", "XD"),
                new TensorRule("itm_head", "t.itm", "2D"),
            ]);
        }

        return new VisionModel(metadata, rules, new Dimensions([.. letters]), tower.BlockCount);
    }

    private static BlipKind KindOf(Settings config, IReadOnlyCollection<string> names)
    {
        string named = config.Texts("architectures").FirstOrDefault() ?? "";
        bool Has(string prefix) => names.Any(name => name.StartsWith(prefix, StringComparison.Ordinal));
        if (named == "BlipForImageTextRetrieval" || !Has("text_decoder."))
            return BlipKind.Matching;
        return named != "BlipForConditionalGeneration" && Has("text_encoder.") ? BlipKind.Answers : BlipKind.Captions;
    }

    // The head's weights are the table of tokens, and its bias is stored twice, unless the configuration says otherwise.
    private bool IsCopy(string name)
    {
        return text.TryFlag("tie_word_embeddings") != false
            ? name is "cls.predictions.decoder.weight" or "cls.predictions.decoder.bias"
            : name is "cls.predictions.bias";
    }

    private EvaTower Tower() => new(Settings.Merge(config.Child("vision_config") ?? Parsed("{}"), Parsed(TowerDefaults)));

    private Settings ReadText()
    {
        Settings given = Settings.Merge(config.Child("text_config") ?? Parsed("{}"), Parsed(TextDefaults));
        bool isTied = config.TryFlag("tie_word_embeddings") != false && given.TryFlag("tie_word_embeddings") != false;
        string type = kind == BlipKind.Answers ? LanguageArchitectures.BlipAnswers : LanguageArchitectures.BlipCaptions,
            width = Tower().Width.ToString(CultureInfo.InvariantCulture);
        Settings own = Parsed(
            $$"""
            {"model_type":"{{type}}","architectures":[],"tie_word_embeddings":{{(
                isTied ? "true" : "false"
            )}},"encoder_hidden_size":{{width}}}
            """
        );
        return Settings.Merge(own, given);
    }

    // timm's names (salesforce/LAVIS, lavis/models/vit.py) as transformers' (its convert_blip_original_pytorch_to_hf.py).
    private static string TowerName(string name)
    {
        string[] parts = name.Split('.');
        return parts switch
        {
            ["cls_token"] => "embeddings.class_embedding",
            ["pos_embed"] => "embeddings.position_embedding",
            ["patch_embed", "proj", var end] => "embeddings.patch_embedding." + end,
            ["norm", var end] => "post_layernorm." + end,
            ["blocks", var block, var part, .. var rest] => $"encoder.layers.{block}."
                + string.Join('.', (string[])[BlockName(part), .. rest.Select(static piece => piece == "proj" ? "projection" : piece)]),
            _ => name,
        };
    }

    private static string BlockName(string part) =>
        part switch
        {
            "attn" => "self_attn",
            "norm1" => "layer_norm1",
            "norm2" => "layer_norm2",
            _ => part,
        };

    private Settings Parsed(string json) => new(config.Path, JsonDocument.Parse(json).RootElement);
}

/// <summary>What a BLIP was trained for.</summary>
internal enum BlipKind
{
    /// <summary>A decoder that looks at the picture.</summary>
    Captions,

    /// <summary>A text encoder that reads the question, and a decoder that looks at it.</summary>
    Answers,

    /// <summary>A text encoder and heads; nothing that speaks.</summary>
    Matching,
}
