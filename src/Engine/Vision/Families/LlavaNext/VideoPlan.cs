using Tessera.Imaging;

namespace Tessera.Vision.Families.LlavaNext;

/// <summary>
/// The frames of a video, each one tile: cut to a square for a CLIP tower, stretched for SigLIP, as the towers' processors do; pooled, with
/// newlines where the family has them. Source: LLaVA-VL/LLaVA-NeXT, playground/demo/video_demo.py and llava/model/llava_arch.py.
/// </summary>
internal static class VideoPlan
{
    /// <summary>The plan of a video.</summary>
    /// <exception cref="TesseraException">Its frames are more than the request allows.</exception>
    public static SlicePlan Of(LlavaNextConfig config, IReadOnlyList<PixelSize> frames, PlanRequest request)
    {
        int size = config.Tower.ImageSize,
            side = config.Video.PooledSide(config.Tower.PatchesPerSide);
        int sliceTokens = config.Video.IsBeforeConnector ? side * side : config.Tower.PatchCount;
        List<LayoutSpan> layout = Layout(config.Video.Newline, frames.Count, side);
        int tokens = layout.Sum(static span => span.RowCount);
        if (!request.Allows(frames.Count, tokens))
            throw new TesseraException($"The model makes {tokens} tokens of {frames.Count} frames, more than allowed: take fewer frames.");
        return new SlicePlan
        {
            Image = frames[0],
            FrameCount = frames.Count,
            Refined = new PixelSize(size, size),
            Slices =
            [
                .. frames.Select(
                    (frame, index) =>
                        new Slice(SliceKind.Overview, 0, 0, new PixelSize(size, size), sliceTokens, Source(config, frame)) { Frame = index }
                ),
            ],
            Layout = layout,
            UnlimitedSliceCount = frames.Count,
        };
    }

    /// <summary>A frame as the tower sees it.</summary>
    public static RgbImage Fit(LlavaNextConfig config, RgbImage frame, CancellationToken cancellationToken)
    {
        int size = config.Tower.ImageSize;
        return config.Tower.HasClassToken
            ? SquareImages.ResizeAndCrop(frame, size, cancellationToken)
            : Resampler.Resize(frame, size, size, ResampleFilter.Bicubic, new ResampleOptions(CancellationToken: cancellationToken));
    }

    private static List<LayoutSpan> Layout(VideoNewline newline, int frameCount, int side)
    {
        var layout = new List<LayoutSpan>();
        for (int frame = 0; frame < frameCount; frame++)
        {
            for (int row = 0; newline == VideoNewline.Grid && row < side; row++)
                layout.AddRange([new LayoutSpan("row", side), new LayoutSpan("newline", 1)]);
            if (newline != VideoNewline.Grid)
                layout.Add(new LayoutSpan("frame", side * side));
            if (newline == VideoNewline.Frame)
                layout.Add(new LayoutSpan("newline", 1));
        }

        if (newline == VideoNewline.End)
            layout.Add(new LayoutSpan("newline", 1));
        return layout;
    }

    private static SourceRectangle Source(LlavaNextConfig config, PixelSize frame)
    {
        if (!config.Tower.HasClassToken)
            return SourceRectangle.Whole(frame);
        int side = Math.Min(frame.Width, frame.Height);
        return new SourceRectangle((frame.Width - side) / 2.0, (frame.Height - side) / 2.0, side, side);
    }
}
