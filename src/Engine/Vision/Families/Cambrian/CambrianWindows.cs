using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Cambrian;

/// <summary>
/// What stands beside each query of a picture's square: its windows of the towers' maps (<see cref="WindowShape"/>). Source:
/// cambrian-mllm/cambrian 539ffc3, cambrian/model/cambrian_arch.py, rearrange_vision_tower_features_inference.
/// </summary>
internal static class CambrianWindows
{
    // Beside which no score counts.
    private const float Hidden = -10_000;

    /// <summary>[beside, queries], row by row.</summary>
    /// <param name="config">The dimensions.</param>
    /// <param name="maps">Projected features of each tower: [width, cells].</param>
    /// <param name="image">Size of the picture.</param>
    public static float[] Arrange(CambrianConfig config, IReadOnlyList<float[]> maps, PixelSize image)
    {
        WindowShape shape = config.Windows;
        var beside = new float[(long)config.QuerySide * config.QuerySide * shape.BesideWidth];
        float[] context = Mean(maps[0], shape.Width);
        CambrianGrid[] padding = [.. config.Towers.Select(tower => CambrianGrid.Of(image, tower.TokenSide))];
        Parallel.For(
            0,
            config.QuerySide * config.QuerySide,
            query =>
            {
                Span<float> own = beside.AsSpan(query * shape.BesideWidth, shape.BesideWidth);
                (int left, int top) = (query % config.QuerySide, query / config.QuerySide);
                context.CopyTo(own);
                Span<float> cells = own[shape.Width..],
                    biases = own[^(shape.CellCount + 1)..^1];
                for (int tower = 0; tower < maps.Count; tower++)
                {
                    int side = shape.WindowSides[tower],
                        mapSide = config.Towers[tower].TokenSide;
                    for (int cell = 0; cell < side * side; cell++)
                    {
                        int column = left * side + cell % side,
                            row = top * side + cell / side;
                        maps[tower].AsSpan((row * mapSide + column) * shape.Width, shape.Width).CopyTo(cells);
                        cells = cells[shape.Width..];
                        biases[cell] = padding[tower].IsPadding(column, row, mapSide) ? Hidden : 0;
                    }

                    // A window that is all padding is seen like any other.
                    if (!biases[..(side * side)].ContainsAnyExcept(Hidden))
                        biases[..(side * side)].Clear();
                    biases = biases[(side * side)..];
                }

                own[^1] = 1;
            }
        );
        return beside;
    }

    private static float[] Mean(float[] map, int width)
    {
        var sums = new double[width];
        for (int index = 0; index < map.Length; index++)
            sums[index % width] += map[index];
        return [.. sums.Select(sum => (float)(sum / (map.Length / width)))];
    }
}
