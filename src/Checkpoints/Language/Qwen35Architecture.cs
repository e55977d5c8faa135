using System.Numerics.Tensors;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Tokenizers;
using Tessera.Gguf;

namespace Tessera.Checkpoints.Language;

/// <summary>
/// Qwen 3.5: blocks of linear attention, each fourth of full attention with a gate; norms are stored less one. Source: ggml-org/llama.cpp
/// v0.5.0, conversion/qwen.py, Qwen3NextModel and what follows from it.
/// </summary>
internal sealed class Qwen35Architecture : LanguageArchitecture
{
    private const long DefaultInterval = 4;
    private const double DefaultRotaryPart = 0.25;
    private static readonly int[] DefaultSections = [11, 11, 10, 0];
    private static readonly Func<TensorValues, TensorValues> AddOne = static values =>
        values.Change(static elements => TensorPrimitives.Add(elements, 1f, elements));

    public override string Name => "qwen35";

    // The head that predicts several tokens is not written.
    public override bool Ignores(string name) =>
        name.StartsWith("mtp.", StringComparison.Ordinal) || name.StartsWith("model.mtp.", StringComparison.Ordinal);

    public override IReadOnlyList<TensorRule> Rules(Settings config)
    {
        var heads = new ValueHeads(config);
        bool[] isLinear = LinearBlocks(config);
        TensorRule[] full =
        [
            new("model.layers.{}.self_attn.q_proj", "blk.{}.attn_q", "GH"),
            new("model.layers.{}.self_attn.k_proj", "blk.{}.attn_k", "KH"),
            new("model.layers.{}.self_attn.v_proj", "blk.{}.attn_v", "KH"),
            new("model.layers.{}.self_attn.o_proj", "blk.{}.attn_output", "HQ"),
            new("model.layers.{}.self_attn.q_norm", "blk.{}.attn_q_norm", "D") { Change = AddOne },
            new("model.layers.{}.self_attn.k_norm", "blk.{}.attn_k_norm", "D") { Change = AddOne },
        ];
        return
        [
            new("model.embed_tokens", "token_embd", "VH"),
            new("model.norm", "output_norm", "H") { Change = AddOne },
            new("lm_head", "output", "VH") { IsOptional = config.TryFlag("tie_word_embeddings") != false },
            new("model.layers.{}.input_layernorm", "blk.{}.attn_norm", "H") { Change = AddOne },
            new("model.layers.{}.post_attention_layernorm", "blk.{}.post_attention_norm", "H") { Change = AddOne },
            new("model.layers.{}.mlp.gate_proj", "blk.{}.ffn_gate", "FH"),
            new("model.layers.{}.mlp.up_proj", "blk.{}.ffn_up", "FH"),
            new("model.layers.{}.mlp.down_proj", "blk.{}.ffn_down", "HF"),
            .. full.Select(rule => rule with { IsIn = block => !isLinear[block] }),
            .. Linear(heads).Select(rule => rule with { IsIn = block => isLinear[block] }),
        ];
    }

    public override Dimensions Dimensions(Settings config)
    {
        Dimensions common = base.Dimensions(config);
        var heads = new ValueHeads(config);
        return new Dimensions(
            ('H', common['H']),
            ('F', common['F']),
            ('V', common['V']),
            ('Q', common['Q']),
            ('G', 2 * common['Q']),
            ('K', common['K']),
            ('D', common['D']),
            ('C', heads.KeyWidth * 2 + heads.Width),
            ('X', heads.Width),
            ('N', heads.Count),
            ('S', heads.HeadSize)
        );
    }

    public override void SetKeys(Metadata metadata, Settings config)
    {
        SetCommonKeys(metadata, config);
        var heads = new ValueHeads(config);
        metadata.Set(Key("ssm.conv_kernel"), config.Size("linear_conv_kernel_dim"));
        metadata.Set(Key("ssm.state_size"), config.Size("linear_key_head_dim"));
        metadata.Set(Key("ssm.group_count"), config.Size("linear_num_key_heads"));
        metadata.Set(Key("ssm.time_step_rank"), heads.Count);
        metadata.Set(Key("ssm.inner_size"), heads.Width);
        if (config.Has("layer_types"))
            metadata.Set(Key("attention.recurrent_layers"), GgufValue.FromArray<bool>(LinearBlocks(config)));
        metadata.Set(Key("full_attention_interval"), config.TryCount("full_attention_interval") ?? DefaultInterval);
        var rope = new RopeSettings(config);
        metadata.Set(Key("rope.dimension_count"), (long)(HeadSize(config) * (rope.PartialFactor ?? DefaultRotaryPart)));
        int[] sections = rope.Numbers("mrope_section") is double[] given
            ? [.. given.Concat([0, 0, 0, 0]).Take(4).Select(static size => (int)size)]
            : DefaultSections;
        metadata.Set(Key("rope.dimension_sections"), sections);
    }

    public override void SetVocabulary(Metadata metadata, CheckpointFolder folder, Settings config) =>
        Vocabulary.Set(metadata, folder, config, new VocabularyOptions());

    private bool[] LinearBlocks(Settings config)
    {
        long count = BlockCount(config),
            interval = Math.Max(1, config.TryCount("full_attention_interval") ?? DefaultInterval);
        if (!config.Has("layer_types"))
            return [.. Enumerable.Range(0, (int)count).Select(block => (block + 1) % interval != 0)];
        bool[] types = [.. config.Texts("layer_types").Select(static type => type == "linear_attention")];
        return types.Length == count
            ? types
            : throw new CheckpointException(config.Path, $"layer_types has {types.Length} entries, but there are {count} blocks.");
    }

    private static TensorRule[] Linear(ValueHeads heads) =>
        [
            new("model.layers.{}.linear_attn.in_proj_qkv", "blk.{}.attn_qkv", "CH")
            {
                Change = values => heads.Tile(values, 2 * heads.KeyWidth, heads.HeadSize),
            },
            new("model.layers.{}.linear_attn.in_proj_z", "blk.{}.attn_gate", "XH")
            {
                Change = values => heads.Tile(values, 0, heads.HeadSize),
            },
            new("model.layers.{}.linear_attn.in_proj_b", "blk.{}.ssm_beta", "NH") { Change = values => heads.Tile(values, 0, 1) },
            new("model.layers.{}.linear_attn.in_proj_a", "blk.{}.ssm_alpha", "NH") { Change = values => heads.Tile(values, 0, 1) },
            new("model.layers.{}.linear_attn.conv1d", "blk.{}.ssm_conv1d", "")
            {
                IsFull = true,
                Change = values => heads.Tile(values.Reshape(values.Shape[0], values.Shape[^1]), 2 * heads.KeyWidth, heads.HeadSize),
            },
            new("model.layers.{}.linear_attn.A_log", "blk.{}.ssm_a", "N")
            {
                IsWhole = true,
                Change = values => heads.Tile(values, 0, 1).Change(NegativeExponential),
            },
            new("model.layers.{}.linear_attn.dt_bias", "blk.{}.ssm_dt.bias", "N")
            {
                IsWhole = true,
                Change = values => heads.Tile(values, 0, 1),
            },
            new("model.layers.{}.linear_attn.norm", "blk.{}.ssm_norm", "S"),
            new("model.layers.{}.linear_attn.out_proj", "blk.{}.ssm_out", "HX") { Change = heads.TileColumns },
        ];

    private static void NegativeExponential(Span<float> values)
    {
        foreach (ref float value in values)
            value = -(float)Math.Exp(value);
    }

    // Where several heads of values share one of keys, libllama wants them one of each after another, not group by group.
    private sealed class ValueHeads(Settings config)
    {
        private readonly long groups = config.Size("linear_num_key_heads");

        public long Count { get; } =
            config.Size("linear_num_value_heads") % config.Size("linear_num_key_heads") == 0
                ? config.Size("linear_num_value_heads")
                : throw new CheckpointException(config.Path, "linear_num_value_heads is no multiple of linear_num_key_heads.");

        public long HeadSize { get; } = config.Size("linear_value_head_dim");

        public long Width => Count * HeadSize;

        public long KeyWidth => groups * config.Size("linear_key_head_dim");

        public TensorValues Tile(TensorValues values, long first, long headSize) =>
            Count == groups ? values : values.Gather(values.Shape[0], row => row < first ? row : first + Source(row - first, headSize));

        public TensorValues TileColumns(TensorValues values) =>
            Count == groups ? values : values.GatherColumns(column => Source(column, HeadSize));

        private long Source(long index, long headSize)
        {
            (long head, long within) = Math.DivRem(index, headSize);
            return (head % groups * (Count / groups) + head / groups) * headSize + within;
        }
    }
}
