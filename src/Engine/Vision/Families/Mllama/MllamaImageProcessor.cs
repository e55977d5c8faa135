using Tessera.Imaging;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.Mllama;

/// <summary>
/// A picture on a canvas of tiles, in its own ratio at the top left, black beside it:
/// <code>
/// 800 x 1300 -> 689 x 1120 on 1120 x 1120 -> 2 x 2 tiles of 560 x 560
/// </code>
/// It stands in the prompt as one token, and the language model's layers look at its tiles. Source: huggingface/transformers v5.12,
/// models/mllama/image_processing_pil_mllama.py; meta-llama/llama-models, models/llama3/multimodal/image_transform.py.
/// </summary>
internal sealed class MllamaImageProcessor(MllamaConfig config) : IImageProcessor
{
    private readonly PixelNormalizer normalizer = new(config.Mean, config.Deviation);

    public SlicePlan Plan(PixelSize image, PlanRequest request)
    {
        IReadOnlyList<TileArrangement> all = TileArrangement.All(config.TileCount);
        TileArrangement best = TileArrangement.Choose(image, config.TileSize, all);
        TileArrangement[] allowed =
        [
            .. all.Where(arrangement => request.Allows(arrangement.TileCount, arrangement.TileCount * config.TileRows)),
        ];
        if (allowed.Length == 0)
            throw new ImageTokenLimitException(config.TileRows, request.MaxImageTokens ?? 0);
        TileArrangement chosen = TileArrangement.Choose(image, config.TileSize, allowed);
        int size = config.TileSize;
        return new SlicePlan
        {
            Image = image,
            Columns = chosen.Columns,
            Rows = chosen.Rows,
            Refined = new PixelSize(chosen.Columns * size, chosen.Rows * size),
            Slices = [.. Tiles(image, chosen)],
            Layout = [LayoutSpan.OfMemory("<|image|>", chosen.TileCount * config.TileRows, config.TileCount * config.TileRows)],
            UnlimitedSliceCount = Math.Max(best.TileCount, chosen.TileCount),
        };
    }

    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken)
    {
        int size = config.TileSize;
        PixelSize fitted = new TileArrangement(plan.Rows, plan.Columns, 0).Fit(new PixelSize(image.Width, image.Height), size);
        RgbImage canvas = Resampler
            .Resize(image, fitted.Width, fitted.Height, ResampleFilter.Bilinear, new ResampleOptions(CancellationToken: cancellationToken))
            .PadTo(plan.Columns * size, plan.Rows * size, 0, 0, 0, 0, 0);
        return [.. plan.Slices.Select(tile => normalizer.Normalize(canvas.Crop(tile.Column * size, tile.Row * size, size, size)))];
    }

    private IEnumerable<Slice> Tiles(PixelSize image, TileArrangement arrangement)
    {
        PixelSize fitted = arrangement.Fit(image, config.TileSize);
        double width = (double)config.TileSize * image.Width / fitted.Width,
            height = (double)config.TileSize * image.Height / fitted.Height;
        var size = new PixelSize(config.TileSize, config.TileSize);
        for (int row = 0; row < arrangement.Rows; row++)
        for (int column = 0; column < arrangement.Columns; column++)
            yield return new Slice(
                arrangement.TileCount == 1 ? SliceKind.Overview : SliceKind.Tile,
                row,
                column,
                size,
                config.TileRows,
                new SourceRectangle(column * width, row * height, width, height)
            );
    }
}
