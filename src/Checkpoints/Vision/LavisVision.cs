using System.Globalization;
using System.Text.Json;
using Tessera.Checkpoints.Families;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints.Vision;

/// <summary>
/// EVA's tower and a Q-Former as LAVIS names and stores them, which no configuration tells of: dimensions are the tensors' own. Names:
/// salesforce/LAVIS, lavis/models/eva_vit.py and lavis/models/blip2_models/Qformer.py, of which Vision-CAIR/MiniGPT-4 has copies.
/// </summary>
internal sealed class LavisVision
{
    // torch.nn.LayerNorm's, which ln_vision is; create_eva_vit_g: norm_layer, and num_heads as embed_dim // 88; bert-base-uncased's heads.
    private const double NormEpsilon = 1e-5;
    private const double TowerEpsilon = 1e-6;
    private const long TowerHead = 88;
    private const long TowerHeads = 16;
    private const long FormerHead = 64;
    private const long FormerHeads = 12;

    private readonly VisionSource source;
    private readonly StoredTensor positions;
    private readonly int side;
    private readonly int scale;

    /// <param name="source">The tensors, named as <see cref="TryPlace"/> says.</param>
    /// <param name="scale">By how much the picture's side is larger than the tower's own (MiniGPT-v2).</param>
    /// <exception cref="CheckpointException">The tower is missing, or is none.</exception>
    public LavisVision(VisionSource source, int scale = 1)
    {
        (this.source, this.scale) = (source, scale);
        positions = Require("tower.embeddings.position_embedding", "vision tower (eva_vit_g.pth)");
        side = SquareSide(positions);
        Tower = new EvaTower(TowerConfig());
    }

    public EvaTower Tower { get; }

    /// <summary>Where a tensor of the authors' files goes.</summary>
    /// <param name="own">Its name there.</param>
    /// <param name="readsText">Whether the Q-Former reads an instruction.</param>
    /// <param name="placed">Its name in transformers' manner.</param>
    public static bool TryPlace(string own, bool readsText, out string placed)
    {
        own = own.TryAfter("visual_encoder.", out string inner) ? inner : own;
        placed = own switch
        {
            "query_tokens" => own,
            "cls_token" => "tower.embeddings.class_embedding",
            "pos_embed" => "tower.embeddings.position_embedding",
            _ when own.TryAfter("ln_vision.", out string norm) => "tower.post_layernorm." + norm,
            _ when own.TryAfter("patch_embed.proj.", out string patch) => "tower.embeddings.patch_embedding." + patch,
            _ when own.TryAfter("blocks.", out string block) => "tower.encoder.layers." + BlockName(block),
            _ when own.TryAfter("Qformer.bert.", out string former) => FormerName(former, readsText) ?? "",
            _ => "",
        };
        return placed.Length > 0;
    }

    /// <summary>Whether a tensor is the Q-Former's.</summary>
    public static bool IsFormers(string name) => name == "query_tokens" || name.StartsWith("qformer.", StringComparison.Ordinal);

    /// <summary>Sets the tower's keys.</summary>
    public void SetKeys(Metadata metadata)
    {
        Tower.SetKeys(metadata, source);
        metadata.Set("clip.vision.post_norm_epsilon", NormEpsilon);
    }

    /// <summary>The tower's tensors: q, k and v in one without their biases, of which keys have none.</summary>
    public IEnumerable<TensorRule> TowerRules()
    {
        foreach (TensorRule rule in Tower.Rules())
            yield return rule.Source switch
            {
                "tower.embeddings.position_embedding" when scale > 1 => rule with { Change = Stretch },
                "tower.post_layernorm" => rule with { IsOptional = true },
                _ when rule.Source.EndsWith("self_attn.qkv", StringComparison.Ordinal) => rule with
                {
                    Split = values => InternVitTower.Split(values, Tower.Width),
                },
                _ => rule,
            };

        foreach (string part in (string[])["q", "v"])
            yield return new TensorRule($"tower.encoder.layers.{{}}.self_attn.{part}_bias", $"v.blk.{{}}.attn_{part}.bias", "E")
            {
                IsWhole = true,
            };
    }

    /// <summary>Keys' biases; and the norm behind the tower, which keeps what it was made with where no file holds it.</summary>
    public IEnumerable<(string Name, TensorValues Values)> Extra()
    {
        long width = Tower.Width;
        var zeros = TensorValues.Of([width], new float[width]);
        for (long block = 0; block < Tower.BlockCount; block++)
            yield return ($"v.blk.{block.ToString(CultureInfo.InvariantCulture)}.attn_k.bias", zeros);
        if (source.Tensors.ContainsKey("tower.post_layernorm.weight"))
            yield break;
        yield return ("v.post_ln.weight", TensorValues.Of([width], [.. Enumerable.Repeat(1f, (int)width)]));
        yield return ("v.post_ln.bias", zeros);
    }

    /// <summary>The Q-Former, whose heads BERT's own configuration tells where it lies beside the files, as LAVIS reads it.</summary>
    /// <param name="part">What to call it where it is missing.</param>
    /// <param name="readsText">Whether it reads an instruction.</param>
    public QFormerPart Former(string part, bool readsText)
    {
        StoredTensor queries = Require("query_tokens", part),
            inner = source.Require("qformer.encoder.layer.0.intermediate_query.dense.weight");
        long width = queries.Shape[^1];
        Settings? bert = LavisPieces.BertFolder(source.Folder)?.TryReadSettings("config.json");
        Dictionary<string, double> numbers = new()
        {
            ["hidden_size"] = width,
            ["intermediate_size"] = inner.Shape[0],
            ["num_hidden_layers"] = BlockCount("qformer.encoder.layer."),
            ["num_attention_heads"] = bert?.TryCount("num_attention_heads") ?? (width % FormerHead == 0 ? width / FormerHead : FormerHeads),
        };
        if (bert?.TryNumber("layer_norm_eps") is double epsilon)
            numbers["layer_norm_eps"] = epsilon;
        if (readsText)
        {
            numbers["vocab_size"] = source.Require("qformer.embeddings.word_embeddings.weight").Shape[0];
            numbers["max_position_embeddings"] = source.Require("qformer.embeddings.position_embeddings.weight").Shape[0];
        }

        return new QFormerPart(Made(numbers), queries.Shape.Length > 1 ? queries.Shape[^2] : 1, readsText);
    }

    // The authors' names to transformers'; what reads text is dropped where nothing does.
    private static string? FormerName(string name, bool readsText)
    {
        if (name.TryAfter("embeddings.", out string embedding))
            return embedding.TryAfter("LayerNorm.", out string norm)
                    ? (readsText ? "qformer.embeddings.layernorm." : "qformer.layernorm.") + norm
                : readsText && embedding.EndsWith("_embeddings.weight", StringComparison.Ordinal) ? "qformer.embeddings." + embedding
                : null;
        if (!name.TryAfter("encoder.layer.", out string layer) || (!readsText && layer.Split('.') is [_, "intermediate" or "output", ..]))
            return null;
        return "qformer.encoder.layer." + layer.Replace("ttention.self.", "ttention.attention.", StringComparison.Ordinal);
    }

    private static string BlockName(string name) =>
        name.Replace("norm1.", "layer_norm1.", StringComparison.Ordinal)
            .Replace("norm2.", "layer_norm2.", StringComparison.Ordinal)
            .Replace(".attn.proj.", ".self_attn.projection.", StringComparison.Ordinal)
            .Replace(".attn.", ".self_attn.", StringComparison.Ordinal);

    private static int SquareSide(StoredTensor positions)
    {
        long count = positions.Shape.Length is 2 or 3 ? positions.Shape[^2] - 1 : 0;
        int side = (int)Math.Sqrt(count);
        return side > 0 && (long)side * side == count && side < 1 << 10 ? side : throw positions.Fail("is no square table of positions.");
    }

    private StretchedPositions Stretch(TensorValues values) =>
        new StretchedPositions(values.Reshape((long)side * side + 1, positions.Shape[^1]), side, side * scale);

    private StoredTensor Require(string name, string part) =>
        source.Tensors.GetValueOrDefault(name)
        ?? throw new CheckpointException(source.Folder.FullPath, $"the {part} is not in it, which belongs beside the authors' own file.");

    private Settings TowerConfig()
    {
        StoredTensor patches = source.Require("tower.embeddings.patch_embedding.weight");
        if (patches.Shape.Length != 4)
            throw patches.Fail("is no kernel of patches.");
        long width = positions.Shape[^1];
        return Made(
            new()
            {
                ["hidden_size"] = width,
                ["intermediate_size"] = source.Require("tower.encoder.layers.0.mlp.fc1.weight").Shape[0],
                ["num_hidden_layers"] = UsedBlocks(),
                ["num_attention_heads"] = width % TowerHead == 0 ? width / TowerHead : TowerHeads,
                ["patch_size"] = patches.Shape[3],
                ["image_size"] = patches.Shape[3] * side * scale,
                ["layer_norm_eps"] = TowerEpsilon,
            }
        );
    }

    // eva_vit_g.pth holds 40 blocks, of which create_eva_vit_g makes 39 (depth=39) and load_state_dict leaves the last; a tower that was
    // trained on is saved by that model, under visual_encoder, and all its blocks are run.
    private long UsedBlocks()
    {
        const string Prefix = "tower.encoder.layers.";
        long saved = BlockCount(Prefix, LavisPieces.Prefix + "visual_encoder.");
        return saved > 0 ? saved : BlockCount(Prefix) - 1;
    }

    private long BlockCount(string prefix, string storedPrefix = "") =>
        source
            .Tensors.Where(pair =>
                pair.Key.StartsWith(prefix, StringComparison.Ordinal) && pair.Value.Name.StartsWith(storedPrefix, StringComparison.Ordinal)
            )
            .Select(static pair => TensorMapper.Pattern(pair.Key).Block + 1)
            .DefaultIfEmpty(0)
            .Max();

    private Settings Made(Dictionary<string, double> numbers)
    {
        IEnumerable<string> entries = numbers.Select(static pair =>
            string.Create(CultureInfo.InvariantCulture, $"\"{pair.Key}\":{pair.Value}")
        );
        return new Settings(source.Config.Path, JsonDocument.Parse($"{{{string.Join(',', entries)}}}").RootElement);
    }
}
