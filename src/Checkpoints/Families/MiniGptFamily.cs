using System.Globalization;
using System.Text.Json;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Vision;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// MiniGPT-4 and MiniGPT-v2: a Llama's checkpoint with the authors' files beside it (<see cref="MiniGptPieces"/>). Names:
/// Vision-CAIR/MiniGPT-4, minigpt4/models; salesforce/LAVIS, lavis/models/blip2_models/Qformer.py. Keys: docs/gguf.md.
/// </summary>
internal sealed class MiniGptFamily(IReadOnlyCollection<string> names) : CheckpointFamily
{
    /// <summary>The key of a configuration that has the authors' files beside it.</summary>
    public const string ConfigKey = "minigpt_pieces";

    // Of torch.nn.LayerNorm, which ln_vision is; of eva_vit.py's blocks; heads are 88 wide there, BERT's 64.
    private const double NormEpsilon = 1e-5;
    private const double TowerEpsilon = 1e-6;
    private const long TowerHead = 88;
    private const long FormerHead = 64;

    // minigpt4/models/minigpt_v2.py: lora_alpha; the picture is twice as large as the tower's own.
    private const float AdapterAlpha = 16;
    private const int Version2Scale = 2;
    private const string LoraDown = ".lora_A",
        LoraUp = ".lora_B";
    private readonly bool isVersion2 = names.Any(static name => name.Contains(LoraDown + ".", StringComparison.Ordinal));

    public override string Name => isVersion2 ? "MiniGPT-v2" : "MiniGPT-4";

    // Its prompts are its own, whatever template the language model brought.
    public override bool KeepsChatTemplate => false;

    public static bool Recognises(Settings config) => config.Has(ConfigKey);

    public override Settings LanguageConfig(Settings config) => config;

    public override (Side Side, string Name) Place(string name)
    {
        if (!name.TryAfter(MiniGptPieces.Prefix, out string own))
            return (Side.Language, name);
        own = own.TryAfter("visual_encoder.", out string inner) ? inner : own;
        if (own.TryAfter("llama_model.", out string adapter))
            return AdapterName(adapter) is string module ? (Side.Adapter, module) : (Side.Ignored, name);
        if (own.StartsWith("Qformer.", StringComparison.Ordinal))
            return FormerName(own) is string former ? (Side.Vision, former) : (Side.Ignored, name);
        foreach (
            (string from, string to) in (ReadOnlySpan<(string, string)>)
                [
                    ("ln_vision.", "tower.post_layernorm."),
                    ("patch_embed.proj.", "tower.embeddings.patch_embedding."),
                    ("llama_proj.", "llama_proj."),
                ]
        )
            if (own.TryAfter(from, out string rest))
                return (Side.Vision, to + rest);
        return own switch
        {
            "query_tokens" => (Side.Vision, own),
            "cls_token" => (Side.Vision, "tower.embeddings.class_embedding"),
            "pos_embed" => (Side.Vision, "tower.embeddings.position_embedding"),
            _ when own.TryAfter("blocks.", out string block) => (Side.Vision, "tower.encoder.layers." + BlockName(block)),
            // Heads, BLIP-2's own projection, an optimizer's state.
            _ => (Side.Ignored, name),
        };
    }

    public override TensorValues Adapt(string name, StoredTensor tensor, IReadOnlyDictionary<string, StoredTensor> adapters)
    {
        string module = name.EndsWith(".weight", StringComparison.Ordinal) ? name[..^".weight".Length] : name;
        if (!adapters.TryGetValue(module + LoraDown, out StoredTensor? down))
            return TensorValues.Of(tensor);
        StoredTensor up = adapters.GetValueOrDefault(module + LoraUp) ?? throw down.Fail("has no counterpart lora_B.");
        bool fits =
            tensor.Shape.Length == 2
            && down.Shape.Length == 2
            && up.Shape.Length == 2
            && down.Shape[1] == tensor.Shape[1]
            && up.Shape[0] == tensor.Shape[0]
            && up.Shape[1] == down.Shape[0]
            && down.Shape[0] > 0;
        return fits
            ? new AdaptedValues(TensorValues.Of(tensor), TensorValues.Of(down), TensorValues.Of(up), AdapterAlpha / down.Shape[0])
            : throw down.Fail($"does not fit tensor '{tensor.Name}', which it adapts: the language model is another.");
    }

    public override VisionModel ReadVision(VisionSource source)
    {
        StoredTensor projection = source.Require("llama_proj.weight");
        StoredTensor positions = Require(source, "tower.embeddings.position_embedding", "vision tower (eva_vit_g.pth)");
        long width = positions.Shape[^1],
            inputs = projection.Shape[^1];
        bool hasFormer = inputs != 4 * width;
        var tensors = new Dictionary<string, StoredTensor>(
            source.Tensors.Where(pair => hasFormer || !IsFormers(pair.Key)),
            StringComparer.Ordinal
        );
        int side = SquareSide(positions);
        long blocks = BlockCount(tensors.Keys, "tower.encoder.layers.");
        // The last is stored but not run (eva_vit_g.pth has 40, create_eva_vit_g makes 39).
        Settings vision = VisionConfig(source, side, width, blocks - 1);
        var tower = new EvaTower(vision);
        var metadata = new Metadata();
        metadata.Set("clip.projector_type", "minigpt4");
        tower.SetKeys(metadata, source);
        metadata.Set("clip.vision.post_norm_epsilon", NormEpsilon);
        metadata.Set(
            "clip.minigpt.wording",
            isVersion2 ? "v2"
                : hasFormer ? "vicuna"
                : "llama2"
        );
        var rules = new List<TensorRule>(EvaRules(tower, positions, side));
        List<(char, long)> letters = [.. tower.Letters, ('H', source.LanguageWidth), ('M', inputs)];
        rules.Add(new TensorRule("llama_proj", "mm.0", "HM"));
        if (hasFormer)
        {
            QFormerPart former = Former(source, inputs);
            former.SetKeys(metadata);
            rules.AddRange(former.Rules());
            letters.AddRange(former.Letters);
        }

        return new VisionModel(metadata, rules, new Dimensions([.. letters]), tower.BlockCount)
        {
            Tensors = tensors,
            Extra = [.. Extra(tensors, width, tower.BlockCount)],
        };
    }

    // "base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight" -> "model.layers.0.self_attn.q_proj.lora_A".
    private static string? AdapterName(string name)
    {
        if (!name.TryAfter("base_model.model.", out string inner))
            return null;
        foreach (string kind in (ReadOnlySpan<string>)[LoraDown, LoraUp])
            if (inner.IndexOf(kind + ".", StringComparison.Ordinal) is > 0 and int end)
                return inner[..end] + kind;
        return null;
    }

    // The authors' names to transformers'; what reads text is not used.
    private static string? FormerName(string name)
    {
        if (!name.TryAfter("Qformer.bert.", out string inner))
            return null;
        if (inner.TryAfter("embeddings.LayerNorm.", out string norm))
            return "qformer.layernorm." + norm;
        if (!inner.TryAfter("encoder.layer.", out string layer) || layer.Split('.') is [_, "intermediate" or "output", ..])
            return null;
        return "qformer.encoder.layer." + layer.Replace("ttention.self.", "ttention.attention.", StringComparison.Ordinal);
    }

    private static string BlockName(string name) =>
        name.Replace("norm1.", "layer_norm1.", StringComparison.Ordinal)
            .Replace("norm2.", "layer_norm2.", StringComparison.Ordinal)
            .Replace(".attn.proj.", ".self_attn.projection.", StringComparison.Ordinal)
            .Replace(".attn.", ".self_attn.", StringComparison.Ordinal);

    private static bool IsFormers(string name) => name == "query_tokens" || name.StartsWith("qformer.", StringComparison.Ordinal);

    private static StoredTensor Require(VisionSource source, string name, string part) =>
        source.Tensors.GetValueOrDefault(name)
        ?? throw new CheckpointException(source.Folder.FullPath, $"the {part} is not in it, which belongs beside the authors' own file.");

    private static int SquareSide(StoredTensor positions)
    {
        long count = positions.Shape.Length is 2 or 3 ? positions.Shape[^2] - 1 : 0;
        int side = (int)Math.Sqrt(count);
        return side > 0 && (long)side * side == count && side < 1 << 10 ? side : throw positions.Fail("is no square table of positions.");
    }

    private static long BlockCount(IEnumerable<string> keys, string prefix) =>
        keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
            .Select(static name => TensorMapper.Pattern(name).Block + 1)
            .DefaultIfEmpty(0)
            .Max();

    private Settings VisionConfig(VisionSource source, int side, long width, long blocks)
    {
        StoredTensor patches = source.Require("tower.embeddings.patch_embedding.weight");
        if (patches.Shape.Length != 4)
            throw patches.Fail("is no kernel of patches.");
        long heads = width % TowerHead == 0 ? width / TowerHead : 16;
        return Made(
            source,
            new()
            {
                ["hidden_size"] = width,
                ["intermediate_size"] = source.Require("tower.encoder.layers.0.mlp.fc1.weight").Shape[0],
                ["num_hidden_layers"] = blocks,
                ["num_attention_heads"] = heads,
                ["patch_size"] = patches.Shape[3],
                ["image_size"] = patches.Shape[3] * side * (isVersion2 ? Version2Scale : 1),
                ["layer_norm_eps"] = TowerEpsilon,
            }
        );
    }

    private static QFormerPart Former(VisionSource source, long width)
    {
        StoredTensor queries = Require(source, "query_tokens", "Q-Former (blip2_pretrained_flant5xxl.pth)");
        Settings former = Made(
            source,
            new()
            {
                ["hidden_size"] = width,
                ["intermediate_size"] = source.Require("qformer.encoder.layer.0.intermediate_query.dense.weight").Shape[0],
                ["num_hidden_layers"] = BlockCount(source.Tensors.Keys, "qformer.encoder.layer."),
                ["num_attention_heads"] = width % FormerHead == 0 ? width / FormerHead : 12,
            }
        );
        return new QFormerPart(former, queries.Shape.Length > 1 ? queries.Shape[^2] : 1, readsText: false);
    }

    private static Settings Made(VisionSource source, Dictionary<string, double> numbers)
    {
        IEnumerable<string> entries = numbers.Select(static pair =>
            string.Create(CultureInfo.InvariantCulture, $"\"{pair.Key}\":{pair.Value}")
        );
        string json = $"{{{string.Join(',', entries)}}}";
        return new Settings(source.Config.Path, JsonDocument.Parse(json).RootElement);
    }

    // q, k and v in one without their biases, of which keys have none.
    private IEnumerable<TensorRule> EvaRules(EvaTower tower, StoredTensor positions, int side)
    {
        foreach (TensorRule rule in tower.Rules())
        {
            if (rule.Source == "tower.embeddings.position_embedding" && isVersion2)
                yield return rule with
                {
                    Change = values => new StretchedPositions(
                        values.Reshape((long)side * side + 1, positions.Shape[^1]),
                        side,
                        side * Version2Scale
                    ),
                };
            else if (rule.Source == "tower.post_layernorm")
                yield return rule with
                {
                    IsOptional = true,
                };
            else if (rule.Source.EndsWith("self_attn.qkv", StringComparison.Ordinal))
                yield return rule with
                {
                    Split = values => InternVitTower.Split(values, tower.Width),
                };
            else
                yield return rule;
        }

        foreach (string part in (string[])["q", "v"])
            yield return new TensorRule($"tower.encoder.layers.{{}}.self_attn.{part}_bias", $"v.blk.{{}}.attn_{part}.bias", "E")
            {
                IsWhole = true,
            };
    }

    // Keys' biases; and the norm behind the tower, which keeps what it was made with where no file holds it.
    private static IEnumerable<(string Name, TensorValues Values)> Extra(
        Dictionary<string, StoredTensor> tensors,
        long width,
        long blockCount
    )
    {
        var zeros = TensorValues.Of([width], new float[width]);
        for (long block = 0; block < blockCount; block++)
            yield return ($"v.blk.{block.ToString(CultureInfo.InvariantCulture)}.attn_k.bias", zeros);
        if (tensors.ContainsKey("tower.post_layernorm.weight"))
            yield break;
        yield return ("v.post_ln.weight", TensorValues.Of([width], [.. Enumerable.Repeat(1f, (int)width)]));
        yield return ("v.post_ln.bias", zeros);
    }
}
