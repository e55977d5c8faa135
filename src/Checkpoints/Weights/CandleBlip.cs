using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tessera.Checkpoints.Tokenizers;

namespace Tessera.Checkpoints.Weights;

/// <summary>
/// The file of BLIP's captioning that candle reads (lmz/candle-blip, blip-image-captioning-large-q4k.gguf): the tensors of
/// Salesforce/blip-image-captioning-large under transformers' names, quantized as tensor-tools does, and no keys. What candle's code fixes
/// is told by the tensors' shapes, but for the heads (huggingface/candle, candle-transformers/src/models/quantized_blip.rs and blip.rs,
/// Config::image_captioning_large; tensor-tools/src/main.rs, run_quantize_safetensors).
/// </summary>
internal sealed class CandleBlip
{
    private const string Class = "vision_model.embeddings.class_embedding",
        Words = "text_decoder.bert.embeddings.word_embeddings.weight",
        TowerBlocks = "vision_model.encoder.layers.",
        TextBlocks = "text_decoder.bert.encoder.layer.";

    // BERT's, which candle's example stops at.
    private const int ReleasedEnd = 102;
    private const int TextHeads = 12,
        TowerHeads = 16;

    // The tower of blip-image-captioning-base has fewer.
    private const int BaseWidth = 768,
        BaseHeads = 12;

    // Where the vocabulary lies if not beside the file.
    private static readonly string[] TokenizerFolders = ["bert-base-uncased", "blip-image-captioning-large", "blip-image-captioning-base"];

    private readonly CheckpointFolder root;
    private readonly Dictionary<string, ImmutableArray<long>> shapes;

    private CandleBlip(CheckpointFolder root, string fileName, IReadOnlyList<StoredTensor> tensors)
    {
        (this.root, FileName) = (root, fileName);
        shapes = tensors.ToDictionary(static tensor => tensor.Name, static tensor => tensor.Shape, StringComparer.Ordinal);
    }

    public string FileName { get; }

    /// <summary>The folder with BERT's tokenizer.</summary>
    /// <exception cref="CheckpointException">There is none.</exception>
    public CheckpointFolder TokenizerFolder =>
        HasTokenizer(root)
            ? root
            : TokenizerFolders
                .SelectMany(name => (string[])[root.PathOf(name), Path.Combine(root.FullPath, "..", name)])
                .Where(Directory.Exists)
                .Select(static path => new CheckpointFolder(path))
                .FirstOrDefault(HasTokenizer)
                ?? throw new CheckpointException(
                    root.PathOf(FileName),
                    "candle's file has no vocabulary: put tokenizer.json of Salesforce/blip-image-captioning-large, or vocab.txt of "
                        + "bert-base-uncased, beside it."
                );

    /// <summary>The file in a folder without other weights; null where there is none.</summary>
    /// <exception cref="CheckpointException">There are several, or one is no GGUF file.</exception>
    public static CandleBlip? Find(CheckpointFolder root)
    {
        if (root.FileNames.Any(static name => WeightLayout.All.Any(layout => layout.Matches(name))))
            return null;
        CandleBlip? found = null;
        foreach (string name in root.FileNames.Where(WeightLayout.Gguf.Matches))
        {
            using var file = new WeightFile(root.PathOf(name));
            IReadOnlyList<StoredTensor> tensors = GgufWeights.Read(file);
            if (!tensors.Any(static tensor => tensor.Name == Class) || !tensors.Any(static tensor => tensor.Name == Words))
                continue;
            if (found is not null)
                throw new CheckpointException(
                    root.FullPath,
                    $"{CheckpointFolder.Shown(found.FileName)} and {CheckpointFolder.Shown(name)} both hold a BLIP; one of them must go."
                );
            found = new CandleBlip(root, name, tensors);
        }

        return found;
    }

    /// <summary>config.json where one lies beside the file, else what the shapes and candle's code say.</summary>
    /// <exception cref="CheckpointException">A tensor is missing, or of a shape that no BLIP has.</exception>
    public Settings ReadConfig() => root.TryReadSettings("config.json") ?? new Settings(root.PathOf(FileName), Made());

    private JsonElement Made()
    {
        ImmutableArray<long> patch = Shape("vision_model.embeddings.patch_embedding.weight", 4),
            words = Shape(Words, 2);
        long width = patch[0],
            side = (long)Math.Sqrt(Shape("vision_model.embeddings.position_embedding", 3)[1] - 1);
        var made = new JsonObject
        {
            ["model_type"] = "blip",
            ["architectures"] = new JsonArray("BlipForConditionalGeneration"),
            ["vision_config"] = new JsonObject
            {
                ["hidden_size"] = width,
                ["intermediate_size"] = Shape(TowerBlocks + "0.mlp.fc1.weight", 2)[0],
                ["num_hidden_layers"] = BlockCount(TowerBlocks),
                ["num_attention_heads"] = width == BaseWidth ? BaseHeads : TowerHeads,
                ["image_size"] = side * patch[3],
                ["patch_size"] = patch[3],
            },
            ["text_config"] = new JsonObject
            {
                ["vocab_size"] = words[0],
                ["hidden_size"] = words[1],
                ["intermediate_size"] = Shape(TextBlocks + "0.intermediate.dense.weight", 2)[0],
                ["num_hidden_layers"] = BlockCount(TextBlocks),
                ["num_attention_heads"] = TextHeads,
                ["max_position_embeddings"] = Shape("text_decoder.bert.embeddings.position_embeddings.weight", 2)[0],
                // [DEC] and [ENC] stand behind BERT's tokens.
                ["bos_token_id"] = words[0] - 2,
                ["sep_token_id"] = End(words[0]),
            },
        };
        return JsonDocument.Parse(made.ToJsonString()).RootElement;
    }

    private long End(long tokenCount) =>
        Array.IndexOf(WordPieces.Read(TokenizerFolder, tokenCount), "[SEP]") is >= 0 and int known ? known : ReleasedEnd;

    private ImmutableArray<long> Shape(string name, int rank) =>
        !shapes.TryGetValue(name, out ImmutableArray<long> shape)
            ? throw new CheckpointException(root.PathOf(FileName), $"tensor '{name}' is missing, which candle's BLIP has.")
        : shape.Length != rank
            ? throw new CheckpointException(root.PathOf(FileName), $"tensor '{name}' has {shape.Length} dimensions instead of {rank}.")
        : shape;

    private long BlockCount(string prefix) =>
        shapes
            .Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
            .Select(name => name[prefix.Length..].Split('.')[0])
            .Select(static number => int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int index) ? index + 1L : 0)
            .DefaultIfEmpty()
            .Max();

    private static bool HasTokenizer(CheckpointFolder folder) => folder.Has("tokenizer.json") || folder.Has("vocab.txt");
}
