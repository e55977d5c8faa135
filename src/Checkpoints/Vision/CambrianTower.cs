using System.Globalization;
using Tessera.Checkpoints.Families;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints.Vision;

/// <summary>
/// One of Cambrian's towers: its tensors and rules under a name of its own, and its keys. Sources: cambrian-mllm/cambrian 539ffc3,
/// cambrian/model/multimodal_encoder/*.py; huggingface/transformers v5.12, models/{clip,dinov2,siglip};
/// huggingface/pytorch-image-models, timm/models/{vision_transformer,convnext}.py.
/// </summary>
internal sealed class CambrianTower
{
    // Each tower's letters are its own: a rule's shape names them by the tower's number.
    private const int LettersApart = 256;
    private static readonly float[] ClipMean = [0.48145466f, 0.4578275f, 0.40821073f],
        ClipDeviation = [0.26862954f, 0.26130258f, 0.27577711f],
        Half = [0.5f, 0.5f, 0.5f],
        ImageNetMean = [0.485f, 0.456f, 0.406f],
        ImageNetDeviation = [0.229f, 0.224f, 0.225f];

    private readonly Metadata keys = new();
    private readonly Dictionary<string, StoredTensor> tensors = new(StringComparer.Ordinal);
    private readonly List<TensorRule> rules = [];
    private readonly List<(char, long)> letters = [];

    private CambrianTower(VisionTowerFolder folder, int index)
    {
        Folder = folder;
        Index = index;
    }

    public int Index { get; }

    public IReadOnlyDictionary<string, StoredTensor> Tensors => tensors;

    public IReadOnlyList<TensorRule> Rules => rules;

    public IReadOnlyList<(char, long)> Letters => letters;

    /// <summary>Blocks that are written.</summary>
    public long BlockCount { get; private set; }

    /// <summary>The letter of a feature's width.</summary>
    public char WidthLetter => Letter('E');

    private VisionTowerFolder Folder { get; }

    private string Name => string.Create(CultureInfo.InvariantCulture, $"tower{Index}.");

    private string Target => string.Create(CultureInfo.InvariantCulture, $"v.{Index}.");

    /// <summary>CLIP, up to the hidden state that the checkpoint selects.</summary>
    public static CambrianTower Clip(VisionTowerFolder folder, int index, Settings config)
    {
        var tower = new CambrianTower(folder, index);
        TowerConfig clip = TowerConfig.Read(folder.Config);
        double layer = config.TryNumber("mm_vision_select_layer") ?? -2;
        long used = layer < 0 ? clip.BlockCount + 1 + (long)layer : (long)layer;
        if (used < 1 || used > clip.BlockCount)
            throw new CheckpointException(config.Path, $"mm_vision_select_layer {layer} is not one of CLIP's {clip.BlockCount} blocks.");
        if (config.TryText("mm_vision_select_feature") is string feature and not "patch")
            throw new CheckpointException(
                config.Path,
                $"mm_vision_select_feature is '{CheckpointFolder.Shown(feature)}', which is not supported; known is patch."
            );
        tower.AddTransformers(clip, used, keepsPostNorm: false);
        tower.SetTransformer("clip", clip.ImageSize, clip, used, clip.Activation);
        tower.SetColours(ownPadding: true, ClipMean, ClipDeviation);
        return tower;
    }

    /// <summary>SigLIP with its last norm, as open_clip's file has it, or transformers'.</summary>
    public static CambrianTower Siglip(VisionTowerFolder folder, int index, string name)
    {
        var tower = new CambrianTower(folder, index);
        if (folder.TensorNames.All(static tensor => !tensor.EndsWith("blocks.0.attn.qkv.weight", StringComparison.Ordinal)))
        {
            TowerConfig siglip = TowerConfig.Read(folder.Config);
            tower.AddTransformers(siglip, siglip.BlockCount, keepsPostNorm: true);
            tower.SetTransformer("siglip", siglip.ImageSize, siglip, siglip.BlockCount, siglip.Activation);
        }
        else
        {
            tower.AddTimm(name);
        }

        tower.SetColours(ownPadding: false, Half, Half);
        return tower;
    }

    /// <summary>DINOv2 with its last norm, its positions stretched to the picture's size.</summary>
    public static CambrianTower Dino(VisionTowerFolder folder, int index, string name, Settings config)
    {
        var tower = new CambrianTower(folder, index);
        tower.AddDino(name, config);
        tower.SetColours(ownPadding: true, ImageNetMean, ImageNetDeviation);
        return tower;
    }

    /// <summary>ConvNeXt with all its stages.</summary>
    public static CambrianTower ConvNext(VisionTowerFolder folder, int index, string name)
    {
        if (!name.Contains("multi-stage", StringComparison.Ordinal))
            throw new CheckpointException(name, "a ConvNeXt of which the last stage alone is used is not supported.");
        var tower = new CambrianTower(folder, index);
        tower.AddConvNext(name);
        tower.SetColours(ownPadding: false, ClipMean, ClipDeviation);
        return tower;
    }

    /// <summary>Sets the tower's keys.</summary>
    /// <param name="metadata">The projector's.</param>
    /// <param name="tokenSide">Cells along a side of the map that the aggregator takes.</param>
    public void SetKeys(Metadata metadata, long tokenSide)
    {
        foreach ((string key, Gguf.GgufValue value) in keys.Entries)
            metadata.Set(string.Create(CultureInfo.InvariantCulture, $"clip.vision.{Index}.{key}"), value);
        metadata.Set(string.Create(CultureInfo.InvariantCulture, $"clip.vision.{Index}.token_side"), tokenSide);
    }

    private void AddTransformers(TowerConfig config, long used, bool keepsPostNorm)
    {
        BlockCount = used;
        foreach ((string name, StoredTensor tensor) in Folder.Tensors)
        {
            string inner = name["tower.".Length..];
            bool isLeftOut =
                inner.StartsWith("head.", StringComparison.Ordinal)
                || Names.IsTable(inner)
                || (!keepsPostNorm && inner.StartsWith("post_layernorm.", StringComparison.Ordinal))
                || (inner.StartsWith("encoder.layers.", StringComparison.Ordinal) && TensorMapper.Pattern(inner).Block >= used);
            if (!isLeftOut)
                tensors[Name + inner] = tensor;
        }

        AddLetters(config.Letters(0));
        foreach (TensorRule rule in TowerConfig.Rules(config.IsClip, keepsPostNorm))
            Add(rule with { Source = rule.Source["tower.".Length..], Target = rule.Target["v.".Length..] });
    }

    private void AddTimm(string name)
    {
        Take(
            "visual.trunk.",
            static inner =>
                inner.StartsWith("attn_pool.", StringComparison.Ordinal)
                || inner.StartsWith("head.", StringComparison.Ordinal)
                || inner.StartsWith("fc_norm.", StringComparison.Ordinal)
        );
        StoredTensor patches = Require("patch_embed.proj.weight", 4),
            positions = Require("pos_embed", 3);
        long width = patches.Shape[0],
            patch = patches.Shape[3],
            count = positions.Shape[1],
            inner = Require("blocks.0.mlp.fc1.weight", 2).Shape[0];
        BlockCount = Blocks("blocks.");
        Settings? vision = Folder.Config.Child("model_cfg")?.Child("vision_cfg");
        long size = Resolution(name) ?? vision?.TryCount("image_size") ?? (name.Contains("384", StringComparison.Ordinal) ? 384 : 224);
        // What open_clip names by the model alone: 16 heads of so400m.
        long heads = vision?.Child("timm_model_kwargs")?.TryCount("num_heads") ?? 16;
        if (size / patch * (size / patch) != count)
            throw positions.Fail($"has {count} positions, which are not those of a picture of {size} x {size}.");
        SetSizes("siglip", size, patch, width, heads);
        keys.Set("feed_forward_length", inner);
        keys.Set("block_count", BlockCount);
        keys.Set("attention.layer_norm_epsilon", 1e-6);
        keys.Set("activation", "gelu");
        AddLetters([('E', width), ('I', inner), ('S', patch), ('C', 3), ('J', 3 * width)]);
        Add(new("patch_embed.proj", "patch_embd", "ECSS") { Type = TowerConfig.PatchType });
        Add(
            new("pos_embed", "position_embd.weight", "")
            {
                IsWhole = true,
                IsFull = true,
                Change = values => values.Reshape(count, width),
            }
        );
        Add(new("norm", "post_ln", "E"));
        foreach (
            (string from, string to, string shape) in (ReadOnlySpan<(string, string, string)>)
                [
                    ("norm1", "ln1", "E"),
                    ("norm2", "ln2", "E"),
                    ("attn.qkv", "attn_qkv", "JE"),
                    ("attn.proj", "attn_out", "EE"),
                    ("mlp.fc1", "ffn_up", "IE"),
                    ("mlp.fc2", "ffn_down", "EI"),
                ]
        )
            AddBlock("blocks.", "blk.", from, to, shape, BlockCount);
    }

    private void AddDino(string name, Settings config)
    {
        Settings dino = Folder.Config;
        foreach (string prefix in (ReadOnlySpan<string>)["dinov2.", ""])
            if (tensors.Count == 0)
                Take(prefix, static inner => inner is "embeddings.mask_token" || inner.StartsWith("classifier.", StringComparison.Ordinal));
        long width = dino.Size("hidden_size"),
            patch = dino.Size("patch_size"),
            size = Resolution(name) ?? dino.Size("image_size"),
            ratio = dino.TryCount("mlp_ratio") ?? 4,
            inner = width * ratio;
        bool isGated = dino.TryFlag("use_swiglu_ffn") == true;
        if (isGated)
            inner = (inner * 2 / 3 + 7) / 8 * 8;
        if (!isGated && dino.TryText("hidden_act") is string activation and not "gelu")
            throw dino.Wrong("hidden_act", "gelu");
        BlockCount = dino.Size("num_hidden_layers");
        StoredTensor positions = Require("embeddings.position_embeddings", 3);
        int oldSide = (int)Math.Sqrt(positions.Shape[1] - 1),
            newSide = (int)(size / patch);
        if (oldSide < 1 || (long)oldSide * oldSide + 1 != positions.Shape[1] || newSide is < 1 or > 1024)
            throw positions.Fail("is no square table of positions.");
        SetSizes("dinov2", size, patch, width, dino.Size("num_attention_heads"));
        keys.Set("feed_forward_length", inner);
        keys.Set("block_count", BlockCount);
        keys.Set("attention.layer_norm_epsilon", dino.TryNumber("layer_norm_eps") ?? 1e-6);
        keys.Set("activation", isGated ? "silu" : "gelu");
        AddLetters([('E', width), ('I', inner), ('S', patch), ('C', 3), ('J', 2 * inner)]);
        Add(new("embeddings.cls_token", "class_embd", "") { IsWhole = true, Change = values => values.Reshape(width) });
        Add(
            new("embeddings.position_embeddings", "position_embd.weight", "")
            {
                IsWhole = true,
                IsFull = true,
                Change = values => Stretched(values.Reshape(positions.Shape[1], width), oldSide, newSide, config),
            }
        );
        Add(new("embeddings.patch_embeddings.projection", "patch_embd", "ECSS") { Type = TowerConfig.PatchType });
        Add(new("layernorm", "post_ln", "E"));
        AddDinoBlocks(isGated, inner);
    }

    private void AddDinoBlocks(bool isGated, long inner)
    {
        foreach (
            (string from, string to, string shape) in (ReadOnlySpan<(string, string, string)>)
                [
                    ("norm1", "ln1", "E"),
                    ("norm2", "ln2", "E"),
                    ("attention.attention.query", "attn_q", "EE"),
                    ("attention.attention.key", "attn_k", "EE"),
                    ("attention.attention.value", "attn_v", "EE"),
                    ("attention.output.dense", "attn_out", "EE"),
                    (isGated ? "mlp.weights_out" : "mlp.fc2", "ffn_down", "EI"),
                ]
        )
            AddBlock("encoder.layer.", "blk.", from, to, shape, BlockCount);
        foreach (string scale in (string[])["1", "2"])
            AddBlock("encoder.layer.", "blk.", $"layer_scale{scale}.lambda1", $"ls{scale}.weight", "E", BlockCount, isWhole: true);
        if (!isGated)
        {
            AddBlock("encoder.layer.", "blk.", "mlp.fc1", "ffn_up", "IE", BlockCount);
            return;
        }

        // Gate and value are two halves of one matrix.
        string target = Target + "blk.{}.";
        Add(
            new TensorRule("encoder.layer.{}.mlp.weights_in", "", "JE")
            {
                Split = values => [(target + "ffn_gate", values.Slice(0, inner)), (target + "ffn_up", values.Slice(inner, inner))],
                IsIn = block => block < BlockCount,
            }
        );
    }

    // transformers stretched by a size a tenth of a cell too large until 4.46, which the release was trained and saved with
    // (models/dinov2/modeling_dinov2.py, interpolate_pos_encoding; facebookresearch/dino, issue 8).
    private static TensorValues Stretched(TensorValues table, int oldSide, int newSide, Settings config)
    {
        const double Excess = 0.1;
        if (oldSide == newSide)
            return table;
        string[] version = (config.TryText("transformers_version") ?? "").Split('.');
        bool isOld =
            version.Length > 1
            && int.TryParse(version[0], NumberStyles.None, CultureInfo.InvariantCulture, out int major)
            && int.TryParse(version[1], NumberStyles.None, CultureInfo.InvariantCulture, out int minor)
            && (major < 4 || (major == 4 && minor < 46));
        return new StretchedPositions(table, oldSide, newSide, isOld ? (float)(1 / ((newSide + Excess) / oldSide)) : null);
    }

    private void AddConvNext(string name)
    {
        const int StageCount = 4;
        bool isTransformers = Folder.TensorNames.Any(static tensor => tensor.EndsWith(".dwconv.weight", StringComparison.Ordinal));
        Take(
            isTransformers ? "convnext." : "visual.trunk.",
            static inner =>
                inner.StartsWith("head.", StringComparison.Ordinal)
                || inner.StartsWith("classifier.", StringComparison.Ordinal)
                || inner is "layernorm.weight" or "layernorm.bias"
        );
        foreach ((string own, StoredTensor tensor) in tensors.ToArray())
        {
            tensors.Remove(own);
            tensors[Name + NumberedByBlock(own[Name.Length..])] = tensor;
        }

        long patch = Require("stem.0.weight", 4).Shape[3];
        long[] widths = [.. Enumerable.Range(0, StageCount).Select(stage => Require($"stage{stage}.blocks.0.gamma", 1).Shape[0])],
            counts = [.. Enumerable.Range(0, StageCount).Select(stage => Blocks($"stage{stage}.blocks."))];
        BlockCount = counts.Max();
        keys.Set("type", "convnext");
        keys.Set("image_size", Resolution(name) ?? 1024);
        keys.Set("patch_size", patch);
        keys.Set("embedding_length", [.. widths.Select(static width => (int)width)]);
        keys.Set("block_count", [.. counts.Select(static count => (int)count)]);
        // timm: convnext_xxlarge's; LayerNorm2d's default for the others.
        keys.Set("attention.layer_norm_epsilon", name.Contains("XXL", StringComparison.Ordinal) && !isTransformers ? 1e-5 : 1e-6);
        AddLetters([('E', widths.Sum()), ('S', patch), ('C', 3), ('B', widths[0])]);
        Add(new("stem.0", "patch_embd", "BCSS") { Type = TowerConfig.PatchType });
        Add(new("stem.1", "pre_ln", "B"));
        for (int stage = 0; stage < StageCount; stage++)
            AddStage(stage, widths, counts[stage]);
    }

    // The stage's number becomes part of its name, so that the block's is the first; transformers' names become timm's.
    private static string NumberedByBlock(string name)
    {
        foreach (
            (string from, string to) in (ReadOnlySpan<(string, string)>)
                [
                    ("embeddings.patch_embeddings.", "stem.0."),
                    ("embeddings.layernorm.", "stem.1."),
                    ("encoder.stages.", "stages."),
                    ("stages.", "stage"),
                    (".downsampling_layer.", ".downsample."),
                    (".layers.", ".blocks."),
                    (".dwconv.", ".conv_dw."),
                    (".layernorm.", ".norm."),
                    (".pwconv1.", ".mlp.fc1."),
                    (".pwconv2.", ".mlp.fc2."),
                    (".layer_scale_parameter", ".gamma"),
                ]
        )
            name = name.Replace(from, to, StringComparison.Ordinal);
        return name;
    }

    private void AddStage(int stage, long[] widths, long count)
    {
        long width = widths[stage];
        string source = string.Create(CultureInfo.InvariantCulture, $"stage{stage}."),
            target = string.Create(CultureInfo.InvariantCulture, $"stage.{stage}.");
        if (stage > 0)
        {
            long before = widths[stage - 1];
            Add(new(source + "downsample.0", target + "down_norm", ""));
            // A matrix over the channels of a square's cells, row by row.
            Add(
                new TensorRule(source + "downsample.1", target + "down_conv", "")
                {
                    Change = values => values.Shape.Length == 4 ? values.Permute(0, 2, 3, 1).Reshape(width, 4 * before) : values,
                }
            );
        }

        foreach (
            (string from, string to) in (ReadOnlySpan<(string, string)>)[("norm", "ln"), ("mlp.fc1", "ffn_up"), ("mlp.fc2", "ffn_down")]
        )
            AddBlock(source + "blocks.", target + "blk.", from, to, "", count);
        AddBlock(source + "blocks.", target + "blk.", "conv_dw", "conv_dw", "", count, isFull: true);
        AddBlock(source + "blocks.", target + "blk.", "gamma", "ls.weight", "", count, isWhole: true);
    }

    private void SetTransformer(string type, long size, TowerConfig config, long used, string activation)
    {
        SetSizes(type, size, config.PatchSize, config.Width, config.HeadCount);
        keys.Set("feed_forward_length", config.FeedForward);
        keys.Set("block_count", used);
        keys.Set("attention.layer_norm_epsilon", config.Epsilon);
        keys.Set(
            "activation",
            activation switch
            {
                "gelu" or "quick_gelu" => activation,
                "gelu_pytorch_tanh" or "gelu_new" or "gelu_fast" => "gelu_tanh",
                _ => throw new CheckpointException(
                    Folder.Folder.FullPath,
                    $"the tower's activation '{CheckpointFolder.Shown(activation)}' is not known."
                ),
            }
        );
    }

    private void SetSizes(string type, long size, long patch, long width, long heads)
    {
        if (heads < 1 || width % heads != 0)
            throw new CheckpointException(Folder.Folder.FullPath, $"its width of {width} is no multiple of its {heads} heads.");
        keys.Set("type", type);
        keys.Set("image_size", size);
        keys.Set("patch_size", patch);
        keys.Set("embedding_length", width);
        keys.Set("attention.head_count", heads);
    }

    // Padding is the processor's mean colour; open_clip's transforms are wrapped, and the wrapper says CLIP's (base_encoder.py).
    private void SetColours(bool ownPadding, float[] mean, float[] deviation)
    {
        Settings? processor = Folder.Folder.TryReadSettings("preprocessor_config.json"),
            transform = Folder.Folder.TryReadSettings("open_clip_config.json")?.Child("preprocess_cfg");
        float[] own = Colour(transform, "mean") ?? Colour(processor, "image_mean") ?? mean;
        keys.Set("pad_mean", ownPadding ? own : ClipMean);
        keys.Set("image_mean", own);
        keys.Set("image_std", Colour(transform, "std") ?? Colour(processor, "image_std") ?? deviation);
    }

    private static float[]? Colour(Settings? settings, string key) =>
        settings?.TryNumbers(key) is { Length: 3 } values ? Array.ConvertAll(values, static value => (float)value) : null;

    // "facebook/dinov2-giant-res378": extract_res_interp.
    private static long? Resolution(string name) =>
        name.Split('-')
            .Where(static part => part.StartsWith("res", StringComparison.Ordinal))
            .Select(static part =>
                long.TryParse(part.AsSpan(3), NumberStyles.None, CultureInfo.InvariantCulture, out long size) ? size : (long?)null
            )
            .LastOrDefault(static size => size is > 0 and <= 8192);

    // What stands behind a prefix, or all where nothing does; what heads there are is left out.
    private void Take(string prefix, Func<string, bool> isLeftOut)
    {
        StoredTensor[] behind = [.. Folder.AllTensors.Where(tensor => tensor.Name.StartsWith(prefix, StringComparison.Ordinal))];
        foreach (StoredTensor tensor in behind.Length > 0 ? behind : Folder.AllTensors)
        {
            string inner = behind.Length > 0 ? tensor.Name[prefix.Length..] : tensor.Name;
            if (!isLeftOut(inner))
                tensors[Name + inner] = tensor;
        }
    }

    private StoredTensor Require(string name, int dimensions) =>
        tensors.GetValueOrDefault(Name + name) is StoredTensor tensor
            ? tensor.Shape.Length == dimensions
                ? tensor
                : throw tensor.Fail($"has {tensor.Shape.Length} dimensions, not {dimensions}.")
            : throw new CheckpointException(Folder.Folder.FullPath, $"tensor '{name}' is missing.");

    private long Blocks(string prefix) =>
        tensors
            .Keys.Where(name => name.StartsWith(Name + prefix, StringComparison.Ordinal))
            .Select(static name => TensorMapper.Pattern(name).Block + 1)
            .DefaultIfEmpty(0)
            .Max();

    private void AddBlock(
        string source,
        string target,
        string from,
        string to,
        string shape,
        long count,
        bool isWhole = false,
        bool isFull = false
    ) =>
        Add(
            new TensorRule($"{source}{{}}.{from}", $"{target}{{}}.{to}", shape)
            {
                IsWhole = isWhole,
                IsFull = isFull,
                IsIn = block => block < count,
            }
        );

    private void Add(TensorRule rule) =>
        rules.Add(
            rule with
            {
                Source = Name + rule.Source,
                Target = Target + rule.Target,
                Shape = string.Concat(rule.Shape.Select(Letter)),
                IsIn = rule.IsIn ?? (block => block < BlockCount),
            }
        );

    private void AddLetters(IEnumerable<(char, long)> own) => letters.AddRange(own.Select(pair => (Letter(pair.Item1), pair.Item2)));

    private char Letter(char letter) => (char)(letter + LettersApart * (Index + 1));
}
