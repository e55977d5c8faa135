using Tessera.Vision.Parts;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.Vila;

/// <summary>
/// The features of a picture at several scales, side by side on one map, which is cut into tiles again. Source: NVlabs/VILA,
/// llava/model/llava_arch.py, merge_features_for_dynamic_s2 and encode_images; bfshi/scaling_on_scales, s2wrapper/core.py, forward.
/// </summary>
internal sealed class ScaleMerge
{
    private readonly FeatureMap[] maps;
    private readonly TileGrid output;
    private readonly int side;
    private readonly int width;

    /// <param name="features">Features [width, side * side] of the tiles of each grid, row by row.</param>
    /// <param name="grids">The grids, the coarsest first.</param>
    /// <param name="output">The grid to whose map all are brought.</param>
    /// <param name="side">Patches along a side of a tile.</param>
    /// <param name="width">Width of a patch's features.</param>
    public ScaleMerge(IReadOnlyList<float[]> features, IReadOnlyList<TileGrid> grids, TileGrid output, int side, int width)
    {
        (this.output, this.side, this.width) = (output, side, width);
        maps = new FeatureMap[grids.Count];
        for (int scale = 0, start = 0; scale < maps.Length; start += grids[scale++].TileCount)
            maps[scale] = FeatureMap.FromTiles([.. features.Skip(start).Take(grids[scale].TileCount)], grids[scale].Columns, side, width);
    }

    /// <summary>A tile of the output's grid: [width * scales, side * side].</summary>
    public float[] Tile(int row, int column)
    {
        var tile = new float[(long)side * side * width * maps.Length];
        var window = new CellWindow(column * side, row * side, side, side);
        for (int scale = 0; scale < maps.Length; scale++)
        {
            FeatureMap part = maps[scale].Average(output.Columns * side, output.Rows * side, window);
            for (int patch = 0; patch < side * side; patch++)
                part.Row(patch / side).Slice(patch % side * width, width).CopyTo(tile.AsSpan((patch * maps.Length + scale) * width));
        }

        return tile;
    }
}
