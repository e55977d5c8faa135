namespace Tessera.Vision.Families.LlavaNext;

/// <summary>
/// How far LLaVA-NeXT-Video's authors stretch a Vicuna's positions, so that a video fits into the 4096 that it was trained with.
/// <code>
/// 32 frames of 144 tokens: (4608 + 1000) / 4096, rounded up: 2
/// </code>
/// Source: LLaVA-VL/LLaVA-NeXT, playground/demo/video_demo.py, run_inference.
/// </summary>
internal static class VideoPositions
{
    private const int TextTokens = 1000;
    private const int TrainedLength = 4096;

    /// <summary>The factor for a video of so many frames; 1 for none.</summary>
    public static int FactorFor(int frameCount, int tokensPerFrame) =>
        (int)Math.Max(1, ((long)frameCount * tokensPerFrame + TextTokens + TrainedLength - 1) / TrainedLength);
}
