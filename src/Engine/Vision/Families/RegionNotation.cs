namespace Tessera.Vision.Families;

/// <summary>How a family's answers write places in the picture.</summary>
/// <param name="answer">The answer with its control tokens.</param>
internal delegate IReadOnlyList<NotedRegion> RegionNotation(string answer);

/// <summary>A place as an answer writes it, its coordinates fractions of what the model sees of the whole picture.</summary>
internal readonly record struct NotedRegion(RegionKind Kind, string Label, double Left, double Top, double Right, double Bottom)
{
    /// <summary>The most of one answer that are read.</summary>
    public const int MaxCount = 1000;

    private const int MaxLabelLength = 200;

    /// <summary>A box of four whole numbers up to a scale, a point of two; null for anything else.</summary>
    public static NotedRegion? Of(string label, IReadOnlyList<int> numbers, int scale)
    {
        if (numbers.Count is not (2 or 4) || numbers.Any(number => number < 0 || number > scale))
            return null;
        double x = (double)numbers[0] / scale,
            y = (double)numbers[1] / scale;
        label = label.Trim();
        label = label.Length > MaxLabelLength ? label[^MaxLabelLength..] : label;
        if (numbers.Count == 2)
            return new NotedRegion(RegionKind.Point, label, x, y, x, y);
        double otherX = (double)numbers[2] / scale,
            otherY = (double)numbers[3] / scale;
        return new NotedRegion(RegionKind.Box, label, Math.Min(x, otherX), Math.Min(y, otherY), Math.Max(x, otherX), Math.Max(y, otherY));
    }

    /// <summary>Where it lies in a picture that was cut by a plan: within what the overview shows, padding included, and cut off at the
    /// picture's edges.</summary>
    public GroundedRegion In(SlicePlan plan, int imageIndex)
    {
        SourceRectangle seen = Seen(plan);
        (int width, int height) = (plan.Image.Width, plan.Image.Height);
        return new GroundedRegion(
            Kind,
            Label,
            imageIndex,
            Math.Clamp(seen.Left + Left * seen.Width, 0, width),
            Math.Clamp(seen.Top + Top * seen.Height, 0, height),
            Math.Clamp(seen.Left + Right * seen.Width, 0, width),
            Math.Clamp(seen.Top + Bottom * seen.Height, 0, height)
        );
    }

    // The overview, or where there is none all tiles together.
    private static SourceRectangle Seen(SlicePlan plan)
    {
        if (plan.Slices.FirstOrDefault(static slice => slice.Kind == SliceKind.Overview) is Slice overview)
            return overview.Source;
        double left = plan.Slices.Min(static slice => slice.Source.Left),
            top = plan.Slices.Min(static slice => slice.Source.Top);
        return new SourceRectangle(
            left,
            top,
            plan.Slices.Max(static slice => slice.Source.Left + slice.Source.Width) - left,
            plan.Slices.Max(static slice => slice.Source.Top + slice.Source.Height) - top
        );
    }
}
