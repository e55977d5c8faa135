using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.InternVl1;

/// <summary>The projector of InternVL 1.0 with QLLaMA.</summary>
internal static class InternVl1Shape
{
    // OpenGVLab/InternVL, configuration_internvl.py: the defaults, and LlamaConfig's.
    private const int QueryCount = 96;
    private const int Width = 4096;
    private const int FeedForward = 11008;
    private const int HeadCount = 32;
    private const int BlockCount = 32;
    private const int CrossFrequency = 2;

    public static ProjectorShape Released { get; } =
        new(
            "OpenGVLab/InternVL-14B-224px",
            static draft =>
            {
                TowerShape tower = TowerShape.InternVit6B;
                tower.Write(draft, "qllama");
                draft.Metadata("clip.vision.patch_layer", 45u);
                draft.Metadata("clip.vision.image_aspect_ratio", "pad");
                draft.Metadata("clip.qllama.attention.head_count", (uint)HeadCount);
                draft.Metadata("clip.qllama.attention.layer_norm_rms_epsilon", 1e-6f);
                draft.Values(QueryLlamaConfig.QueryTensor, Width, QueryCount);
                for (int block = 0; block < BlockCount; block++)
                    WriteBlock(draft, $"qllama.blk.{block}.", tower.Width, looks: block % CrossFrequency == 0);
                draft.Vector("qllama.norm.weight", Width, 1);
                foreach ((string prefix, int inputs) in ((string, int)[])[("mm", tower.Width), ("mm.query", Width)])
                {
                    draft.Linear(prefix + ".0", inputs, draft.LanguageWidth);
                    draft.Linear(prefix + ".2", draft.LanguageWidth, draft.LanguageWidth);
                }
            }
        );

    private static void WriteBlock(ProjectorDraft draft, string prefix, int inputs, bool looks)
    {
        WriteAttention(draft, prefix + "attn", Width);
        if (looks)
        {
            WriteAttention(draft, prefix + "xattn", inputs);
            draft.Vector(prefix + "xattn_norm_kv.weight", inputs, 1);
        }

        draft.Vector(prefix + "ffn_norm.weight", Width, 1);
        draft.Matrix(prefix + "ffn_gate.weight", Width, FeedForward);
        draft.Matrix(prefix + "ffn_up.weight", Width, FeedForward);
        draft.Matrix(prefix + "ffn_down.weight", FeedForward, Width);
    }

    private static void WriteAttention(ProjectorDraft draft, string prefix, int inputs)
    {
        draft.Vector(prefix + "_norm.weight", Width, 1);
        draft.Matrix(prefix + "_q.weight", Width, Width);
        draft.Matrix(prefix + "_k.weight", inputs, Width);
        draft.Matrix(prefix + "_v.weight", inputs, Width);
        draft.Matrix(prefix + "_out.weight", Width, Width);
    }
}
