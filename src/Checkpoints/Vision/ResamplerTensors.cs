using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Tensors;

namespace Tessera.Checkpoints.Vision;

/// <summary>
/// The perceiver resampler of MiniCPM-V and LLaVA-UHD, named <c>resampler.*</c>. Names: ggml-org/llama.cpp v0.5.0,
/// tools/mtmd/legacy-models/minicpmv-surgery.py and minicpmv-convert-image-encoder-to-gguf.py.
/// </summary>
internal static class ResamplerTensors
{
    /// <summary>The rules, for shapes with the letters N (queries), H (width), E (tower's width) and X (three widths).</summary>
    /// <param name="width">Width of an embedding.</param>
    /// <param name="hasOwnWidth">Whether the tower's features are as wide, so that nothing widens them.</param>
    /// <param name="project">What is done to the last matrix, which is stored for x P and wanted for P x.</param>
    public static TensorRule[] Rules(long width, bool hasOwnWidth, Func<TensorValues, TensorValues> project) =>
        [
            new("resampler.query", "resampler.query", "NH") { IsWhole = true, IsFull = true },
            new("resampler.kv_proj", "resampler.kv", "HE") { IsOptional = hasOwnWidth },
            new("resampler.ln_q", "resampler.ln_q", "H"),
            new("resampler.ln_kv", "resampler.ln_kv", "H"),
            new("resampler.ln_post", "resampler.ln_post", "H"),
            new("resampler.attn.in_proj_weight", "", "XH") { IsWhole = true, Split = values => Split(values, width, ".weight") },
            new("resampler.attn.in_proj_bias", "", "X") { IsWhole = true, Split = values => Split(values, width, ".bias") },
            new("resampler.attn.out_proj", "resampler.attn.out", "HH"),
            new("resampler.proj", "resampler.proj.weight", "HH") { IsWhole = true, Change = project },
        ];

    private static IEnumerable<(string Target, TensorValues Values)> Split(TensorValues values, long width, string end) =>
        Enumerable.Range(0, 3).Select(part => ($"resampler.attn.{"qkv"[part]}{end}", values.Slice(part * width, width)));
}
