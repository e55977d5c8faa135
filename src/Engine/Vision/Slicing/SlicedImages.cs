using Tessera.Gguf;
using Tessera.Imaging;

namespace Tessera.Vision.Slicing;

/// <summary>
/// Pictures cut by <see cref="SliceGrid"/>: the overview and the tiles, each in its own size, without padding or distortion beyond whole
/// patches. Shared by the families that differ only in what they write between the slices.
/// <code>
/// 800 x 1300 at 448 -> overview 350 x 574, refined 868 x 1386 -> 2 x 3 tiles of 434 x 462
/// </code>
/// </summary>
/// <param name="rule">How pictures are cut.</param>
/// <param name="tokensOf">Rows that the connector makes of a slice, by its size.</param>
/// <param name="mean">Of each channel, in 0..1.</param>
/// <param name="deviation">Of each channel, in 0..1.</param>
internal sealed class SlicedImages(SliceRule rule, Func<PixelSize, int> tokensOf, IReadOnlyList<float> mean, IReadOnlyList<float> deviation)
{
    // More patches than the largest released position table has places (70 x 70) come only from pictures thousands of times as long as
    // wide.
    private const int MaxPatchCount = 4900;

    // Tiles beyond this are not tried, whether a file or a caller asks for them.
    private const int MostTiles = 144;
    private const string MaxTilesKey = "clip.vision.preproc_max_tiles";
    private readonly PixelNormalizer normalizer = new(mean, deviation);

    /// <summary>The most tiles beside the overview, as a file says or else as released.</summary>
    /// <exception cref="ModelFileException">The number cannot be.</exception>
    public static int ReadMaxTiles(GgufFile file, int released)
    {
        if (!file.Metadata.TryGetUInt32(MaxTilesKey, out uint tiles))
            return released;
        return tiles is > 0 and <= MostTiles
            ? (int)tiles
            : throw new ModelFileException(file.Path, $"{MaxTilesKey} is {tiles}, not within 1 to {MostTiles}.");
    }

    /// <summary>The plan within the request's limits, its layout left to the family.</summary>
    /// <param name="image">Size of the picture.</param>
    /// <param name="request">Limits; a number of slices may also be larger than the family's own.</param>
    /// <param name="lay">What stands for the picture, by its slices.</param>
    /// <exception cref="TesseraException">The limits cannot be kept, or the picture is too elongated.</exception>
    public SlicePlan Plan(PixelSize image, PlanRequest request, Func<SlicePlan, IReadOnlyList<LayoutSpan>> lay)
    {
        (int ownColumns, int ownRows) = SliceGrid.Choose(image, rule);
        long most = request.MaxSlices is int slices ? slices - 1L : rule.MaxTiles;
        for (int tiles = (int)Math.Clamp(most, 1, MostTiles); tiles > 0; tiles--)
        {
            SlicePlan plan = Cut(image, SliceGrid.Choose(image, rule with { MaxTiles = tiles }));
            if (request.Allows(plan.Slices.Count, plan.Slices.Sum(static slice => slice.TokenCount)))
                return plan with { Layout = lay(plan), UnlimitedSliceCount = Math.Max(plan.Slices.Count, SliceCount(ownColumns, ownRows)) };
        }

        int least = Whole(image).Slices[0].TokenCount;
        throw new ImageTokenLimitException(least, request.MaxImageTokens ?? 0);
    }

    /// <summary>The pixels of each slice, by Pillow's bicubic.</summary>
    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken)
    {
        var slices = new PreparedSlice[plan.Slices.Count];
        RgbImage? refined = null;
        for (int index = 0; index < slices.Length; index++)
        {
            Slice slice = plan.Slices[index];
            if (slice.Kind == SliceKind.Overview)
            {
                slices[index] = normalizer.Normalize(Resize(image, slice.Size, cancellationToken));
                continue;
            }

            refined ??= Resize(image, plan.Refined, cancellationToken);
            slices[index] = normalizer.Normalize(
                refined.Crop(slice.Column * slice.Size.Width, slice.Row * slice.Size.Height, slice.Size.Width, slice.Size.Height)
            );
        }

        return slices;
    }

    private static RgbImage Resize(RgbImage image, PixelSize size, CancellationToken cancellationToken) =>
        Resampler.Resize(image, size.Width, size.Height, ResampleFilter.Bicubic, new ResampleOptions(CancellationToken: cancellationToken));

    private static int SliceCount(int columns, int rows) => columns * rows == 1 ? 1 : columns * rows + 1;

    private SlicePlan Whole(PixelSize image)
    {
        PixelSize size = SliceGrid.Single(image, rule);
        return new SlicePlan
        {
            Image = image,
            Refined = size,
            Slices = [Overview(image, size)],
            Layout = [],
        };
    }

    private SlicePlan Cut(PixelSize image, (int Columns, int Rows) grid)
    {
        (int columns, int rows) = grid;
        if (columns * rows == 1)
            return Whole(image);
        PixelSize tile = Checked(image, SliceGrid.Tile(image, columns, rows, rule));
        double width = (double)image.Width / columns,
            height = (double)image.Height / rows;
        var slices = new List<Slice> { Overview(image, SliceGrid.Overview(image, rule)) };
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
                slices.Add(
                    new Slice(
                        SliceKind.Tile,
                        row,
                        column,
                        tile,
                        tokensOf(tile),
                        new SourceRectangle(column * width, row * height, width, height)
                    )
                );
        }

        var refined = new PixelSize(tile.Width * columns, tile.Height * rows);
        return new SlicePlan
        {
            Image = image,
            Columns = columns,
            Rows = rows,
            Refined = refined,
            Slices = slices,
            Layout = [],
        };
    }

    private Slice Overview(PixelSize image, PixelSize size) =>
        new(SliceKind.Overview, 0, 0, Checked(image, size), tokensOf(size), SourceRectangle.Whole(image));

    private PixelSize Checked(PixelSize image, PixelSize slice) =>
        slice.Area / ((long)rule.PatchSize * rule.PatchSize) <= MaxPatchCount
            ? slice
            : throw new TesseraException($"The picture is {image}, too elongated for the model: crop it first.");
}
