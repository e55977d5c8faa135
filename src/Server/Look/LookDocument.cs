using System.Text.Json.Serialization;

namespace Tessera.Server.Look;

/// <summary>How a picture or a video is cut and what it costs: what <c>tessera look --json</c> prints and <c>/v1/look</c> answers. The
/// names are a contract.</summary>
internal sealed record LookDocument(
    SizeDocument Image,
    string Family,
    GridDocument Grid,
    SizeDocument Refined,
    IReadOnlyList<SliceDocument> Slices,
    int ImageTokens,
    IReadOnlyList<LayoutDocument> Layout,
    int SmallestReadableText,
    int UnlimitedSlices,
    int UnlimitedTokens,
    bool Limited
)
{
    /// <summary>Frames of a video; left out for a picture.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Frames { get; init; }

    /// <summary>The document of a plan.</summary>
    public static LookDocument Of(VisionModel vision, SlicePlan plan) =>
        new(
            new SizeDocument(plan.Image.Width, plan.Image.Height),
            vision.Family,
            new GridDocument(plan.Columns, plan.Rows),
            new SizeDocument(plan.Refined.Width, plan.Refined.Height),
            [.. plan.Slices.Select(SliceDocument.Of)],
            plan.ImageTokenCount + plan.MemoryTokenCount,
            [.. plan.Layout.Select(static span => new LayoutDocument(span.Kind, span.RowCount + span.MemoryTokenCount, span.Text))],
            plan.SmallestReadableText,
            plan.UnlimitedSliceCount,
            plan.UnlimitedTokenCount,
            plan.IsLimited
        )
        {
            Frames = plan.FrameCount,
        };

    /// <summary>The same without its slices, as an answer tells it.</summary>
    [JsonIgnore]
    public LookSummary Summary =>
        new(Image.Width, Image.Height, Family, $"{Grid.Columns} x {Grid.Rows}", Slices.Count, ImageTokens, SmallestReadableText, Limited)
        {
            UnlimitedTokens = Limited ? UnlimitedTokens : null,
        };
}

internal sealed record SizeDocument(int Width, int Height);

internal sealed record GridDocument(int Columns, int Rows);

internal sealed record SourceDocument(double Left, double Top, double Width, double Height);

internal sealed record LayoutDocument(string Kind, int Tokens, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Text);

internal sealed record SliceDocument(string Kind, int Row, int Column, int Width, int Height, int Tokens, SourceDocument Source)
{
    public static SliceDocument Of(Slice slice) =>
        new(
            slice.Kind.ToString().ToLowerInvariant(),
            slice.Row,
            slice.Column,
            slice.Size.Width,
            slice.Size.Height,
            slice.TokenCount,
            new SourceDocument(Round(slice.Source.Left), Round(slice.Source.Top), Round(slice.Source.Width), Round(slice.Source.Height))
        );

    private static double Round(double value) => Math.Round(value, 2);
}

/// <summary>What an answer says of a picture.</summary>
internal sealed record LookSummary(
    int Width,
    int Height,
    string Family,
    string Grid,
    int Slices,
    int Tokens,
    int SmallestReadableText,
    bool Limited
)
{
    public int? UnlimitedTokens { get; init; }
}
