using Tessera.Imaging;

namespace Tessera.Vision.Slicing;

/// <summary>Videos as a row of pictures: a plan for each frame, and one for all of them.</summary>
internal static class FramePlans
{
    /// <summary>Each frame planned as one of several pictures.</summary>
    /// <param name="processor">The family's.</param>
    /// <param name="frames">Size of each frame.</param>
    /// <param name="request">Limits for the whole video; frames are not cut unless it allows several slices of each.</param>
    public static IReadOnlyList<SlicePlan> Of(IImageProcessor processor, IReadOnlyList<PixelSize> frames, PlanRequest request)
    {
        PlanRequest each = request with
        {
            ImageCount = Math.Max(2, frames.Count),
            MaxSlices = Math.Max(1, (request.MaxSlices ?? frames.Count) / frames.Count),
            MaxImageTokens = request.MaxImageTokens / frames.Count,
        };
        // Frames of one size, which is what most videos have, have one plan but for their numbers.
        return [.. frames.Select((frame, index) => processor.Plan(frame, each with { ImageIndex = request.ImageIndex + index }))];
    }

    /// <summary>One plan of all frames, one after another.</summary>
    /// <param name="frames">The plan of each frame.</param>
    /// <param name="label">Text before a frame, by its index; null for none.</param>
    /// <param name="between">Text between frames.</param>
    public static SlicePlan Join(IReadOnlyList<SlicePlan> frames, Func<int, string>? label = null, string between = "")
    {
        var layout = new List<LayoutSpan>();
        for (int index = 0; index < frames.Count; index++)
        {
            if (index > 0 && between.Length > 0)
                layout.Add(LayoutSpan.OfText(between));
            if (label is not null)
                layout.Add(LayoutSpan.OfText(label(index)));
            layout.AddRange(frames[index].Layout);
        }

        return frames[0] with
        {
            FrameCount = frames.Count,
            Slices = [.. frames.SelectMany(static (plan, index) => plan.Slices.Select(slice => slice with { Frame = index }))],
            Layout = layout,
            UnlimitedSliceCount = 0,
            UnlimitedTokenCount = 0,
        };
    }

    /// <summary>The pixels of each frame's slices, as of a picture that is cut so.</summary>
    public static IReadOnlyList<PreparedSlice> Prepare(
        IImageProcessor processor,
        IReadOnlyList<RgbImage> frames,
        SlicePlan plan,
        CancellationToken cancellationToken
    )
    {
        var slices = new List<PreparedSlice>();
        for (int index = 0; index < frames.Count; index++)
        {
            RgbImage frame = frames[index];
            Slice[] own = [.. plan.Slices.Where(slice => slice.Frame == index)];
            SlicePlan alone = plan with
            {
                Image = new PixelSize(frame.Width, frame.Height),
                FrameCount = 0,
                Columns = own.Max(static slice => slice.Column) + 1,
                Rows = own.Max(static slice => slice.Row) + 1,
                Slices = own,
            };
            slices.AddRange(processor.Prepare(frame, alone, cancellationToken));
        }

        return slices;
    }
}
