using Tessera.Checkpoints.Output;

namespace Tessera.Checkpoints.Language;

/// <summary>
/// Cambrian-1's language model: Llama with layers of the spatial vision aggregator behind some blocks. libllama does not know it; keys and
/// names: docs/gguf.md. Source: cambrian-mllm/cambrian 539ffc3, cambrian/model/language_model/cambrian_llama.py.
/// </summary>
internal sealed class CambrianArchitecture : LlamaArchitecture
{
    /// <summary>Heads of every layer of the aggregator (cambrian/model/vision_sampler.py).</summary>
    public const long SamplerHeads = 16;

    /// <summary>What the tensors of the layer behind a block are called, once they are numbered by the block.</summary>
    public const string SamplerPrefix = "model.sampler.";

    // What each part of a layer becomes, but for the towers' own.
    private static readonly (string Source, string Target, string Shape)[] Parts =
    [
        ("proj_context", "context", "WW"),
        ("proj_in", "in", "WX"),
        ("proj_out.linear_1", "up", "WW"),
        ("proj_out.linear_2", "down", "QW"),
        ("norm", "norm", "W"),
        ("cross_attn.q_proj.0", "q_norm", "W"),
        ("cross_attn.q_proj.1", "q", "WW"),
        ("cross_attn.o_proj", "out", "WW"),
    ];

    public override string Name => "cambrian";

    /// <summary>The blocks behind which a layer of the aggregator stands.</summary>
    /// <exception cref="CheckpointException">They are no blocks of the model.</exception>
    public static IReadOnlyList<long> SamplerBlocks(Settings config)
    {
        long start = config.TryCount("start_of_vision_sampler_layers") ?? 0,
            stride = config.Size("stride_of_vision_sampler_layers"),
            count = config.Size("num_of_vision_sampler_layers"),
            blocks = config.Size("num_hidden_layers");
        if (start + (count - 1) * stride >= blocks)
            throw new CheckpointException(config.Path, $"its {count} vision sampler layers reach beyond its {blocks} blocks.");
        return [.. Enumerable.Range(0, (int)count).Select(index => start + index * stride)];
    }

    /// <summary>Sides of a query's windows in the towers' maps.</summary>
    /// <exception cref="CheckpointException">A map is no multiple of the queries'.</exception>
    public static IReadOnlyList<long> WindowSides(Settings config)
    {
        double[] lengths = config.TryNumbers("mm_vision_tower_aux_token_len_list") ?? [];
        long side = Side(config, "image_token_len", config.Size("image_token_len"));
        long[] sides = [.. lengths.Select(length => Side(config, "mm_vision_tower_aux_token_len_list", (long)length) / side)];
        bool fits =
            sides.Length is > 0 and <= 8
            && lengths.Zip(sides).All(pair => pair.Second > 0 && (long)pair.First == Square(pair.Second * side));
        return fits
            ? sides
            : throw new CheckpointException(
                config.Path,
                "mm_vision_tower_aux_token_len_list holds no squares of multiples of the queries'."
            );
    }

    /// <summary>The rules of a layer.</summary>
    /// <param name="source">What its tensors' names begin with.</param>
    /// <param name="target">The same in the file.</param>
    /// <param name="towers">How many towers there are.</param>
    /// <param name="queries">Letter of the queries' width; X stands for the sum of it and W, the layers' width.</param>
    /// <param name="isIn">In which blocks it stands; null for all.</param>
    public static IEnumerable<TensorRule> SamplerRules(
        string source,
        string target,
        int towers,
        char queries,
        Func<long, bool>? isIn = null
    )
    {
        foreach ((string from, string to, string shape) in Parts)
            yield return new TensorRule(source + from, target + to, shape.Replace('Q', queries)) { IsIn = isIn };
        for (int tower = 0; tower < towers; tower++)
        {
            foreach (string part in (string[])["k", "v"])
            {
                yield return new TensorRule($"{source}cross_attn.{part}_proj_{tower}.0", $"{target}{part}_norm.{tower}", "W")
                {
                    IsIn = isIn,
                };
                yield return new TensorRule($"{source}cross_attn.{part}_proj_{tower}.1", $"{target}{part}.{tower}", "WW") { IsIn = isIn };
            }

            yield return new TensorRule($"{source}pos_embed_{tower}", $"{target}pos.{tower}", "")
            {
                IsWhole = true,
                IsFull = true,
                IsOptional = true,
            };
        }
    }

    public override IReadOnlyList<TensorRule> Rules(Settings config)
    {
        HashSet<long> blocks = [.. SamplerBlocks(config)];
        return
        [
            .. base.Rules(config),
            .. SamplerRules(SamplerPrefix + "{}.", "blk.{}.sampler.", WindowSides(config).Count, 'H', blocks.Contains),
        ];
    }

    public override Dimensions Dimensions(Settings config)
    {
        Dimensions plain = base.Dimensions(config);
        long width = config.Size("vision_hidden_size");
        return new Dimensions([.. "HFVQKD".Select(letter => (letter, plain[letter])), ('W', width), ('X', plain['H'] + width)]);
    }

    public override void SetKeys(Metadata metadata, Settings config)
    {
        base.SetKeys(metadata, config);
        IReadOnlyList<long> blocks = SamplerBlocks(config);
        metadata.Set(Key("sampler.block_count"), (long)blocks.Count);
        metadata.Set(Key("sampler.start"), blocks[0]);
        metadata.Set(Key("sampler.stride"), config.Size("stride_of_vision_sampler_layers"));
        metadata.Set(Key("sampler.head_count"), SamplerHeads);
        metadata.Set(Key("sampler.embedding_length"), config.Size("vision_hidden_size"));
        metadata.Set(Key("sampler.window_sides"), [.. WindowSides(config).Select(static side => (int)side)]);
    }

    /// <summary>The side of a square of so many cells.</summary>
    public static long Side(Settings config, string key, long cells)
    {
        long side = (long)Math.Sqrt(cells);
        return cells > 0 && Square(side) == cells ? side : throw config.Wrong(key, "the number of a square's cells");
    }

    private static long Square(long side) => side * side;
}
