using Tessera.Imaging;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.Cambrian;

/// <summary>
/// A picture once for each tower, in the middle of a square of that tower's mean colour, bicubic to the tower's size; in the prompt, the
/// rows of its cells without those of the padding, a newline behind each:
/// <code>
/// 800 x 1300 -> 1300 x 1300 -> 384, 336, 378 and 1024 along a side -> 24 x 24 cells, 14 x 24 of them kept -> 24 rows of 15
/// </code>
/// Source: cambrian-mllm/cambrian 539ffc3, cambrian/mm_utils.py, process_images; cambrian/model/cambrian_arch.py.
/// </summary>
internal sealed class CambrianImageProcessor(CambrianConfig config) : IImageProcessor
{
    private readonly PixelNormalizer[] normalizers =
    [
        .. config.Towers.Select(static tower => new PixelNormalizer(tower.Mean, tower.Deviation)),
    ];

    public SlicePlan Plan(PixelSize image, PlanRequest request)
    {
        CambrianGrid padding = CambrianGrid.Of(image, config.QuerySide);
        int columns = config.QuerySide - 2 * padding.Columns,
            rows = config.QuerySide - 2 * padding.Rows;
        if (columns < 1 || rows < 1)
            throw new TesseraException(
                $"The picture is {image.Width} x {image.Height}, so elongated that nothing of it would be left: crop it first."
            );
        int tokenCount = rows * (columns + 1);
        if (!request.Allows(1, tokenCount))
            throw new ImageTokenLimitException(tokenCount, request.MaxImageTokens ?? 0);
        double side = Math.Max(image.Width, image.Height);
        var source = new SourceRectangle((image.Width - side) / 2, (image.Height - side) / 2, side, side);
        return new SlicePlan
        {
            Image = image,
            Refined = Square(config.Towers.Max(static tower => tower.ImageSize)),
            Slices =
            [
                .. config.Towers.Select(tower => new Slice(
                    SliceKind.Overview,
                    0,
                    0,
                    Square(tower.ImageSize),
                    tower.TokenSide * tower.TokenSide,
                    source
                )),
            ],
            Layout = [.. Enumerable.Repeat(new LayoutSpan("row", columns + 1), rows)],
            UnlimitedSliceCount = config.Towers.Count,
        };
    }

    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken) =>
        [
            .. config.Towers.Select(
                (tower, index) =>
                    normalizers[index]
                        .Normalize(SquareImages.PadAndResize(image, tower.ImageSize, Rgb.Mean(tower.Padding), cancellationToken))
            ),
        ];

    private static PixelSize Square(int side) => new(side, side);
}
