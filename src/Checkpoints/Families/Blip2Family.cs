using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tokenizers;
using Tessera.Checkpoints.Vision;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// BLIP-2 and InstructBLIP in transformers' layout, as Salesforce released them (Salesforce/blip2-flan-t5-xl, instructblip-vicuna-7b, ...).
/// Keys: docs/gguf.md. Names: huggingface/transformers v5.12, models/blip_2 and models/instructblip.
/// </summary>
internal sealed class Blip2Family(Settings config) : CheckpointFamily
{
    private const string TokenizerFolder = "qformer_tokenizer";
    private const long ReleasedQueries = 32;
    private readonly bool readsText = config.TryText("model_type") is "instructblip";

    public override string Name => readsText ? "InstructBLIP" : "BLIP-2";

    // Neither was trained with turns.
    public override bool KeepsChatTemplate => false;

    /// <summary>Whether a checkpoint is of this kind.</summary>
    public static bool Recognises(Settings config) =>
        config.TryText("model_type") is "blip-2" or "instructblip" && config.Has("text_config");

    public override Settings LanguageConfig(Settings config)
    {
        Settings text = config.Child("text_config") ?? throw new CheckpointException(config.Path, "text_config is missing.");
        return text.Has("model_type") ? text : throw new CheckpointException(config.Path, "text_config.model_type is missing.");
    }

    public override (Side Side, string Name) Place(string name)
    {
        if (name.TryAfter("model.", out string inner))
            name = inner;
        if (name.TryAfter("vision_model.", out string tower))
            return (Side.Vision, "tower." + tower);
        if (name.TryAfter("language_model.", out string language))
            return (Side.Language, language);
        if (name.StartsWith("qformer.cls.", StringComparison.Ordinal))
            return (Side.Ignored, name);
        bool isTextOnly =
            name.StartsWith("qformer.embeddings.", StringComparison.Ordinal)
            || (
                name.StartsWith("qformer.encoder.", StringComparison.Ordinal)
                && (name.Contains(".intermediate.", StringComparison.Ordinal) || IsTextOutput(name))
            );
        return isTextOnly && !readsText ? (Side.Ignored, name) : (Side.Vision, name);
    }

    public override VisionModel ReadVision(VisionSource source)
    {
        var tower = new EvaTower(config.Child("vision_config") ?? Empty());
        var former = new QFormerPart(
            config.Child("qformer_config") ?? Empty(),
            config.TryCount("num_query_tokens") ?? ReleasedQueries,
            readsText
        );
        var metadata = new Metadata();
        metadata.Set("clip.projector_type", "qformer");
        tower.SetKeys(metadata, source);
        former.SetKeys(metadata);
        metadata.Set("clip.vision.projector.language", LanguageArchitectures.Find(LanguageConfig(config))?.Name ?? "");
        if (readsText)
            metadata.Set("clip.qformer.tokens", Pieces(source.Folder, former.VocabularySize));
        return new VisionModel(
            metadata,
            [.. tower.Rules(), .. former.Rules(), new TensorRule("language_projection", "mm.0", "HD")],
            new Dimensions([.. tower.Letters, .. former.Letters, ('H', source.LanguageWidth)]),
            tower.BlockCount
        );
    }

    // "qformer.encoder.layer.3.output.dense", not "....attention.output.dense".
    private static bool IsTextOutput(string name) => name.Split('.') is ["qformer", "encoder", "layer", _, "output", ..];

    private Settings Empty() => new(config.Path, System.Text.Json.JsonDocument.Parse("{}").RootElement);

    // The Q-Former's own tokenizer: BERT's, with a token more.
    private static string[] Pieces(CheckpointFolder root, long size)
    {
        if (!Directory.Exists(root.PathOf(TokenizerFolder)))
            throw new CheckpointException(root.FullPath, $"the folder {TokenizerFolder} is missing, the tokenizer of its Q-Former.");
        return WordPieces.Read(new CheckpointFolder(root.PathOf(TokenizerFolder)), size);
    }
}
