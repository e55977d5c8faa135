using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Mllama;

/// <summary>Llama 3.2 Vision's tower, the same in the models of 11B and 90B but for the projector.</summary>
internal static class MllamaShape
{
    private const int Tile = 560,
        Patch = 14,
        Tiles = 4,
        Width = 1280,
        FeedForward = 5120,
        Heads = 16,
        Blocks = 32,
        GlobalBlocks = 8,
        Arrangements = 9,
        Rows = Tile / Patch * (Tile / Patch) + 1;
    private static readonly int[] Intermediate = [3, 7, 15, 23, 30];

    public static ProjectorShape Released { get; } = new("meta-llama/Llama-3.2-11B-Vision-Instruct", Write);

    private static void Write(ProjectorDraft draft)
    {
        draft.Metadata("general.architecture", "clip");
        draft.Metadata("clip.has_vision_encoder", true);
        draft.Metadata("clip.projector_type", "mllama");
        foreach (
            (string key, int value) in ((string, int)[])
                [
                    ("image_size", Tile),
                    ("patch_size", Patch),
                    ("max_num_tiles", Tiles),
                    ("num_channels", 3),
                    ("embedding_length", Width),
                    ("feed_forward_length", FeedForward),
                    ("attention.head_count", Heads),
                    ("block_count", Blocks),
                    ("global.block_count", GlobalBlocks),
                ]
        )
            draft.Metadata($"mllama.vision.{key}", (uint)value);
        draft.Metadata("mllama.vision.attention.layer_norm_epsilon", 1e-5f);
        draft.Metadata("mllama.vision.intermediate_layers_indices", GgufValue.FromArray<int>(Intermediate));
        draft.Half("v.patch_embd.weight", Patch, Patch, 3, Width);
        draft.Values("v.class_embd", Width);
        draft.Half("v.position_embd.weight", Width, Rows);
        draft.Half("v.tile_position_embd.weight", (long)Tiles * Rows * Width, Arrangements);
        draft.Half("v.pre_tile_position_embd.weight", Tiles * Width, Arrangements);
        draft.Half("v.post_tile_position_embd.weight", Tiles * Width, Arrangements);
        foreach (string name in (string[])["position_embd", "tile_position_embd", "pre_tile_position_embd", "post_tile_position_embd"])
            draft.Vector($"v.{name}.gate", 1, 0.5f);
        draft.Norm("v.pre_ln", Width);
        draft.Norm("v.post_ln", Width);
        for (int block = 0; block < Blocks; block++)
            WriteBlock(draft, $"v.blk.{block}.");
        for (int block = 0; block < GlobalBlocks; block++)
        {
            WriteBlock(draft, $"v.global.blk.{block}.");
            draft.Vector($"v.global.blk.{block}.attn_gate", 1, 0.5f);
            draft.Vector($"v.global.blk.{block}.ffn_gate", 1, 0.5f);
        }

        draft.Linear("mm.0", (1 + Intermediate.Length) * Width, draft.LanguageWidth);
    }

    private static void WriteBlock(ProjectorDraft draft, string prefix)
    {
        draft.Norm(prefix + "attn_norm", Width);
        foreach (string part in (string[])["attn_q", "attn_k", "attn_v", "attn_output"])
            draft.Matrix($"{prefix}{part}.weight", Width, Width);
        draft.Norm(prefix + "ffn_norm", Width);
        draft.Linear(prefix + "ffn_up", Width, FeedForward);
        draft.Linear(prefix + "ffn_down", FeedForward, Width);
    }
}
