namespace Tessera.Engine.Tests.Models;

/// <summary>Small projector files of every family as released: true slice sizes and limits, widths small.</summary>
internal static class ReleasedProjectors
{
    private static readonly int[] NextPinpoints = [336, 672, 672, 336, 672, 672, 1008, 336, 336, 1008];

    /// <summary>Each with what pictures of 640 x 480, 1920 x 1080 and 800 x 1300 cost in tokens, worked out by hand from the authors'
    /// code.</summary>
    public static IEnumerable<(string Name, SlicedProjectors.Contents File, int[] Tokens)> All()
    {
        yield return ("LLaVA-1.5", Llava(336, 14, classToken: true), [576, 576, 576]);
        yield return ("LLaVA-1.5-HD", With(Llava(224, 14, classToken: true), ("clip.vision.image_aspect_ratio", "hd")), [1696, 1628, 1744]);
        yield return (
            "LLaVA-NeXT",
            With(
                Llava(336, 14, classToken: true),
                ("clip.vision.image_aspect_ratio", "anyres"),
                ("clip.vision.image_grid_pinpoints", NextPinpoints)
            ),
            [2340, 1948, 2064]
        );
        yield return (
            "LLaVA-OneVision",
            With(
                Llava(384, 14, classToken: false),
                ("clip.vision.image_aspect_ratio", "anyres_max_9"),
                ("clip.vision.image_grid_pinpoints", Grid(6, 384))
            ),
            [2929, 7269, 8073]
        );
        yield return ("MiniCPM-V 2.0", SlicedProjectors.Release("2.0"), [192, 576, 448]);
        yield return ("MiniCPM-Llama3-V 2.5", SlicedProjectors.Release("2.5"), [288, 864, 672]);
        yield return ("MiniCPM-V 2.6, 4.0, 4.5", SlicedProjectors.Release("2.6"), [192, 576, 448]);
        yield return ("MiniCPM-V 4.6", SlicedProjectors.Release("4.6"), [203, 578, 444]);
        yield return ("LLaVA-UHD", SlicedProjectors.Release("uhd"), [320, 448, 448]);
        yield return ("InternVL 2.5 (12 tiles)", InternVl(), [3328, 2304, 1792]);
        yield return ("VILA 1.5 3B, 8B, 13B", Vila(384, "resize", 2), [196, 196, 196]);
        yield return ("NVILA-Lite", Vila(448, "dynamic", 3), [1573, 1089, 847]);
        yield return ("NVILA", Vila(448, "dynamic_s2", 2, 448, 896, 1344), [3072, 3072, 3072]);
        yield return ("Cambrian-1", Cambrian(), [450, 350, 360]);
        yield return ("GLM-4V-9B", Glm4v(), [1602, 1602, 1602]);
        yield return ("CogVLM2", CogVlm(1344, hasConvolution: true), [2306, 2306, 2306]);
        yield return ("CogVLM", CogVlm(490, hasConvolution: false), [1227, 1227, 1227]);
        yield return ("InternVL 1.0 (448)", InternVl1(), [1024, 1024, 1024]);
        yield return ("InternVL 1.0 with QLLaMA", QueryLlama(), [672, 672, 672]);
        yield return ("mPLUG-Owl", MplugOwl(), [65, 65, 65]);
        yield return (
            "mPLUG-Owl2",
            With(MplugOwl(), ("clip.projector_type", "mplug_owl2"), ("clip.vision.image_size", 448u)),
            [65, 65, 65]
        );
        yield return ("MiniGPT-4 with Vicuna", With(QFormer(), ("clip.projector_type", "minigpt4")), [32, 32, 32]);
        yield return ("MiniGPT-4 with Llama 2", MiniGpt(224), [64, 64, 64]);
        yield return ("MiniGPT-v2", With(MiniGpt(448), ("clip.minigpt.wording", "v2")), [256, 256, 256]);
        yield return ("BLIP-2", QFormer(), [32, 32, 32]);
        yield return ("InstructBLIP", Reading(QFormer()), [32, 32, 32]);
        yield return ("Llama 3.2 Vision", Mllama(), [3202, 6404, 6404]);
        yield return ("IDEFICS", Idefics(), [64, 64, 64]);
        yield return ("BLIP", Blip(), [577, 577, 577]);
        yield return ("OpenFlamingo", With(Idefics(), ("clip.projector_type", "flamingo")), [64, 64, 64]);
    }

    private static SlicedProjectors.Contents Llava(uint imageSize, uint patchSize, bool classToken)
    {
        SlicedProjectors.Contents contents = Plain("mlp", imageSize, patchSize);
        if (classToken)
            contents.Shapes["v.class_embd"] = [8];
        contents.Shapes["mm.0.weight"] = contents.Shapes["mm.2.weight"] = [8, 8];
        contents.Shapes["model.image_newline"] = [8];
        return contents;
    }

    private static SlicedProjectors.Contents InternVl()
    {
        SlicedProjectors.Contents contents = Plain("internvl", 448, 14);
        contents.Shapes["v.class_embd"] = contents.Shapes["v.blk.0.ls1.weight"] = contents.Shapes["v.blk.0.ln1.bias"] = [8];
        contents.Shapes["mm.model.mlp.1.weight"] = [32, 8];
        contents.Shapes["mm.model.mlp.3.weight"] = [8, 8];
        return contents;
    }

    private static SlicedProjectors.Contents Vila(uint imageSize, string rule, uint factor, params int[] scales)
    {
        SlicedProjectors.Contents contents = Plain("vila_downsample", imageSize, 14);
        contents.Metadata["clip.vision.image_aspect_ratio"] = rule;
        contents.Metadata["clip.vision.projector.scale_factor"] = factor;
        contents.Metadata["clip.vision.projector.token_order"] = rule == "resize" ? "col" : "row";
        if (scales.Length > 0)
            contents.Metadata["clip.vision.s2_scales"] = scales;
        contents.Shapes["mm.1.weight"] = [8 * factor * factor * Math.Max(1, scales.Length), 8];
        contents.Shapes["mm.3.weight"] = [8, 8];
        return contents;
    }

    private static SlicedProjectors.Contents InternVl1()
    {
        SlicedProjectors.Contents contents = Llava(448, 14, classToken: true);
        contents.Shapes["v.blk.0.ls1.weight"] = contents.Shapes["v.blk.0.ln1.bias"] = [8];
        contents.Shapes["v.position_embd.weight"] = [8, 1025];
        return contents;
    }

    public static SlicedProjectors.Contents QueryLlama()
    {
        SlicedProjectors.Contents contents = Plain("qllama", 336, 14);
        contents.Shapes["v.class_embd"] = contents.Shapes["v.blk.0.ls1.weight"] = contents.Shapes["v.blk.0.ln1.bias"] = [8];
        contents.Shapes["v.position_embd.weight"] = [8, 257];
        contents.Shapes["qllama.query"] = [8, 96];
        foreach (
            string name in (string[])
                ["qllama.blk.0.attn_q", "qllama.blk.0.xattn_q", "qllama.blk.0.ffn_up", "mm.0", "mm.2", "mm.query.0", "mm.query.2"]
        )
            contents.Shapes[name + ".weight"] = [8, 8];
        contents.Metadata["clip.vision.patch_layer"] = 1u;
        contents.Metadata["clip.qllama.attention.head_count"] = 2u;
        contents.Metadata["clip.qllama.attention.layer_norm_rms_epsilon"] = 1e-6f;
        return contents;
    }

    private static SlicedProjectors.Contents MplugOwl()
    {
        SlicedProjectors.Contents contents = Plain("abstractor", 224, 14);
        contents.Shapes["v.class_embd"] = contents.Shapes["abstractor.blk.0.norm1.weight"] = [8];
        contents.Shapes["abstractor.query"] = [8, 64];
        contents.Shapes["abstractor.blk.0.ffn_up.weight"] = contents.Shapes["mm.0.weight"] = [8, 8];
        return contents;
    }

    private static SlicedProjectors.Contents Cambrian()
    {
        SlicedProjectors.Contents contents = Plain("cambrian_sva", 336, 14);
        contents.Metadata["clip.vision.tower_count"] = 2u;
        contents.Metadata["clip.vision.sampler.query_side"] = 24u;
        contents.Metadata["clip.vision.sampler.head_count"] = 2u;
        foreach (
            (int tower, string type, uint size, uint patch, uint side) in ((int, string, uint, uint, uint)[])
                [(0, "siglip", 384, 14, 24), (1, "convnext", 1024, 4, 96)]
        )
        {
            string prefix = $"clip.vision.{tower}.";
            contents.Metadata[prefix + "type"] = type;
            contents.Metadata[prefix + "image_size"] = size;
            contents.Metadata[prefix + "patch_size"] = patch;
            contents.Metadata[prefix + "token_side"] = side;
            contents.Metadata[prefix + "attention.layer_norm_epsilon"] = 1e-6f;
            contents.Metadata[prefix + "activation"] = "gelu";
            foreach (string colour in (string[])["pad_mean", "image_mean", "image_std"])
                contents.Metadata[prefix + colour] = new[] { 0.5f, 0.5f, 0.5f };
        }

        foreach (string key in (string[])["embedding_length", "feed_forward_length", "attention.head_count", "block_count"])
            contents.Metadata["clip.vision.0." + key] = 8u;
        contents.Metadata["clip.vision.1.embedding_length"] = contents.Metadata["clip.vision.1.block_count"] = new[] { 1, 1, 1, 1 };
        contents.Shapes["sva.query"] = contents.Shapes["v.image_newline"] = [8];
        contents.Shapes["sva.0.in.weight"] = [16, 8];
        return contents;
    }

    private static SlicedProjectors.Contents Glm4v()
    {
        SlicedProjectors.Contents contents = Plain("adapter_eva", 1120, 14);
        contents.Shapes["v.class_embd"] = [8];
        contents.Shapes["adapter.conv.weight"] = [32, 8];
        contents.Shapes["adapter.linear.linear.weight"] = contents.Shapes["adapter.linear.gate.weight"] = [8, 8];
        return contents;
    }

    private static SlicedProjectors.Contents CogVlm(uint imageSize, bool hasConvolution)
    {
        SlicedProjectors.Contents contents = Plain("cogvlm", imageSize, 14);
        contents.Shapes["v.class_embd"] = [8];
        if (hasConvolution)
            contents.Shapes["mm.conv.weight"] = [32, 8];
        contents.Shapes["mm.model.fc.weight"] = contents.Shapes["mm.gate.weight"] = [8, 8];
        return contents;
    }

    private static SlicedProjectors.Contents MiniGpt(uint imageSize)
    {
        SlicedProjectors.Contents contents = Plain("minigpt4", imageSize, 14);
        contents.Shapes["v.class_embd"] = [8];
        contents.Shapes["mm.0.weight"] = [32, 8];
        return contents;
    }

    private static SlicedProjectors.Contents Reading(SlicedProjectors.Contents contents)
    {
        contents.Shapes["qformer.tok_embd.weight"] = contents.Shapes["qformer.pos_embd.weight"] = [8, 4];
        contents.Shapes["qformer.blk.0.ffn_up.weight"] = [8, 16];
        contents.Metadata["clip.qformer.tokens"] = new[] { "[UNK]", "[CLS]", "[SEP]" };
        return contents;
    }

    private static SlicedProjectors.Contents QFormer()
    {
        SlicedProjectors.Contents contents = Plain("qformer", 224, 14);
        contents.Shapes["v.class_embd"] = [8];
        contents.Shapes["qformer.query"] = [8, 32];
        contents.Shapes["qformer.blk.0.attn_q.weight"] = contents.Shapes["qformer.blk.0.xattn_q.weight"] = [8, 8];
        contents.Shapes["qformer.blk.0.ffn_q_up.weight"] = [8, 16];
        contents.Shapes["mm.0.weight"] = [8, 8];
        return contents;
    }

    private static SlicedProjectors.Contents Blip()
    {
        SlicedProjectors.Contents contents = Plain("blip", 384, 16);
        contents.Metadata["clip.vision.projection_dim"] = 8u;
        contents.Shapes["v.class_embd"] = [8];
        return contents;
    }

    private static SlicedProjectors.Contents Idefics()
    {
        SlicedProjectors.Contents contents = Plain("idefics", 224, 14);
        contents.Metadata["clip.vision.projection_dim"] = 8u;
        contents.Metadata["clip.perceiver.attention.head_count"] = 2u;
        contents.Shapes["v.class_embd"] = contents.Shapes["v.pre_ln.weight"] = [8];
        contents.Shapes["perceiver.latents"] = [8, 64];
        contents.Shapes["perceiver.blk.0.q.weight"] = [8, 16];
        contents.Shapes["perceiver.blk.0.ffn_up.weight"] = [8, 32];
        return contents;
    }

    /// <summary>Llama 3.2 Vision.</summary>
    public static SlicedProjectors.Contents Mllama()
    {
        SlicedProjectors.Contents contents = Plain("mllama", 560, 14);
        foreach (
            (string key, uint value) in ((string, uint)[])
                [
                    ("image_size", 560),
                    ("patch_size", 14),
                    ("max_num_tiles", 4),
                    ("embedding_length", 8),
                    ("feed_forward_length", 16),
                    ("attention.head_count", 2),
                    ("block_count", 2),
                    ("global.block_count", 1),
                ]
        )
            contents.Metadata[$"mllama.vision.{key}"] = value;
        contents.Metadata["mllama.vision.attention.layer_norm_epsilon"] = 1e-5f;
        contents.Metadata["mllama.vision.intermediate_layers_indices"] = new[] { 1 };
        contents.Shapes["mm.0.weight"] = [16, 8];
        contents.Shapes["mm.0.bias"] = [8];
        return contents;
    }

    private static SlicedProjectors.Contents Plain(string type, uint imageSize, uint patchSize)
    {
        var contents = new SlicedProjectors.Contents();
        contents.Metadata["clip.projector_type"] = type;
        contents.Metadata["clip.vision.image_size"] = imageSize;
        contents.Metadata["clip.vision.patch_size"] = patchSize;
        return contents;
    }

    private static SlicedProjectors.Contents With(SlicedProjectors.Contents contents, params (string Key, object Value)[] values)
    {
        foreach ((string key, object value) in values)
            contents.Metadata[key] = value;
        return contents;
    }

    private static int[] Grid(int most, int side) =>
        [
            .. from rows in Enumerable.Range(1, most)
            from columns in Enumerable.Range(1, most)
            from length in (int[])[rows * side, columns * side]
            select length,
        ];
}
