using System.Text.Json.Serialization;

namespace Tessera.Server.Look;

/// <summary>How a picture is cut and what it costs: what <c>tessera look --json</c> prints.</summary>
internal sealed record PlanDocument(
    SizeDocument Image,
    string Family,
    GridDocument Grid,
    SizeDocument Refined,
    IReadOnlyList<SliceDocument> Slices,
    int ImageTokens,
    int SmallestReadableText,
    int UnlimitedSlices,
    int UnlimitedTokens,
    bool Limited
)
{
    /// <summary>A plan as a document.</summary>
    public static PlanDocument Of(VisionModel vision, SlicePlan plan) =>
        new(
            new SizeDocument(plan.Image.Width, plan.Image.Height),
            vision.Family,
            new GridDocument(plan.Columns, plan.Rows),
            new SizeDocument(plan.Refined.Width, plan.Refined.Height),
            [
                .. plan.Slices.Select(static slice => new SliceDocument(
                    slice.Kind == SliceKind.Overview ? "overview" : "tile",
                    slice.Row,
                    slice.Column,
                    slice.Size.Width,
                    slice.Size.Height,
                    slice.TokenCount,
                    new SourceDocument(
                        Math.Round(slice.Source.Left, 2),
                        Math.Round(slice.Source.Top, 2),
                        Math.Round(slice.Source.Width, 2),
                        Math.Round(slice.Source.Height, 2)
                    )
                )),
            ],
            plan.ImageTokenCount,
            plan.SmallestReadableText,
            plan.UnlimitedSliceCount,
            plan.UnlimitedTokenCount,
            plan.IsLimited
        );

    /// <summary>The same without its slices, as an answer tells it.</summary>
    [JsonIgnore]
    public PlanSummary Summary =>
        new(Image.Width, Image.Height, Family, $"{Grid.Columns} x {Grid.Rows}", Slices.Count, ImageTokens, SmallestReadableText, Limited)
        {
            UnlimitedTokens = Limited ? UnlimitedTokens : null,
        };
}

internal sealed record SizeDocument(int Width, int Height);

internal sealed record GridDocument(int Columns, int Rows);

internal sealed record SourceDocument(double Left, double Top, double Width, double Height);

internal sealed record SliceDocument(string Kind, int Row, int Column, int Width, int Height, int Tokens, SourceDocument Source);

/// <summary>What an answer says of a picture.</summary>
internal sealed record PlanSummary(
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
