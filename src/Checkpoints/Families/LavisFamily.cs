using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tokenizers;
using Tessera.Checkpoints.Vision;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// BLIP-2 and InstructBLIP as LAVIS released them: the authors' .pth, EVA's or CLIP's beside it, and the language model's own folder
/// (<see cref="LavisPieces"/>). Source: salesforce/LAVIS, lavis/models/blip2_models/blip2_t5.py, blip2_opt.py, blip2_t5_instruct.py and
/// blip2_vicuna_instruct.py. Keys: docs/gguf.md.
/// </summary>
internal sealed class LavisFamily(Settings config, IReadOnlyCollection<string> names) : CheckpointFamily
{
    private const string WordTable = LavisPieces.Prefix + "Qformer.bert.embeddings.word_embeddings.weight";

    // Blip2Base.init_tokenizer adds it to BERT's.
    private const string AddedPiece = "[DEC]";

    // The projections, and the language models that they are made for.
    private static readonly Dictionary<string, string> Languages = new(StringComparer.Ordinal)
    {
        ["t5_proj"] = "t5",
        ["opt_proj"] = "opt",
        ["llm_proj"] = "llama",
    };

    private readonly string projection = LavisPieces.ProjectionOf(config) ?? "";
    private readonly bool readsText = names.Contains(WordTable);

    public override string Name => readsText ? "InstructBLIP" : "BLIP-2";

    // Neither was trained with turns.
    public override bool KeepsChatTemplate => false;

    /// <summary>Whether a checkpoint is of this kind.</summary>
    public static bool Recognises(Settings config) => Languages.ContainsKey(LavisPieces.ProjectionOf(config) ?? "");

    public override Settings LanguageConfig(Settings config) => config;

    public override (Side Side, string Name) Place(string name)
    {
        if (!name.TryAfter(LavisPieces.Prefix, out string own))
            return (Side.Language, name);
        if (own.TryAfter(projection + ".", out string part))
            return (Side.Vision, "language_projection." + part);
        // Heads, what an optimizer keeps, a language model's own.
        return LavisNames.TryPlace(own, readsText, out string placed) ? (Side.Vision, placed) : (Side.Ignored, name);
    }

    public override VisionModel ReadVision(VisionSource source)
    {
        string wanted = Languages[projection],
            found = LanguageArchitectures.Find(LanguageDefaults.Complete(config))?.Name ?? "none";
        if (found != wanted)
            throw new CheckpointException(
                config.Path,
                $"the model is made for a language model of kind {wanted}, and this one is a {found}."
            );
        var vision = new LavisVision(source, takesClip: true);
        QFormerPart former = vision.Former("Q-Former", readsText);
        var metadata = new Metadata();
        metadata.Set("clip.projector_type", "qformer");
        vision.Tower.SetKeys(metadata);
        former.SetKeys(metadata);
        metadata.Set("clip.vision.projector.language", wanted);
        if (readsText)
            metadata.Set("clip.qformer.tokens", Pieces(source.Folder, former.VocabularySize));
        return new VisionModel(
            metadata,
            [.. vision.Tower.Rules(), .. former.Rules(), new TensorRule("language_projection", "mm.0", "HD")],
            new Dimensions([.. vision.Tower.Letters, .. former.Letters, ('H', source.LanguageWidth)]),
            vision.Tower.BlockCount
        )
        {
            Tensors = vision.Tensors,
            Extra = [.. vision.Tower.Extra()],
        };
    }

    /// <summary>InstructBLIP calls Vicuna's end the start (blip2_vicuna_instruct.py), and an OPT ends with a newline
    /// (blip2_opt.py).</summary>
    public override void ChangeVocabulary(Metadata metadata)
    {
        if (projection == "llm_proj" && metadata.Entries.TryGetValue("tokenizer.ggml.eos_token_id", out Gguf.GgufValue? end))
            metadata.Set("tokenizer.ggml.bos_token_id", end);
        if (
            projection == "opt_proj"
            && metadata.Entries.TryGetValue("tokenizer.ggml.tokens", out Gguf.GgufValue? tokens)
            && tokens.TryGetArray(out ReadOnlyMemory<string> texts)
            && texts.Span.IndexOf("\u010a") is >= 0 and int newline
        )
            metadata.Set("tokenizer.ggml.eot_token_id", (long)newline);
    }

    private static string[] Pieces(CheckpointFolder root, long size)
    {
        CheckpointFolder folder =
            LavisPieces.BertFolder(root)
            ?? throw new CheckpointException(
                root.FullPath,
                "the folder bert-base-uncased is missing, the tokenizer of its Q-Former (google-bert/bert-base-uncased)."
            );
        string[] pieces = WordPieces.Read(folder, size);
        return pieces.Length == size - 1 && !pieces.Contains(AddedPiece) ? [.. pieces, AddedPiece] : pieces;
    }
}
