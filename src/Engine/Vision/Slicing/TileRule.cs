using Tessera.Gguf;

namespace Tessera.Vision.Slicing;

/// <summary>Into how many square tiles a picture may be cut.</summary>
/// <param name="MinTiles">Tiles of the smallest grid.</param>
/// <param name="MaxTiles">Tiles of the largest grid, a thumbnail not counted.</param>
/// <param name="TileSize">Side of a tile in pixels.</param>
internal sealed record TileRule(int MinTiles, int MaxTiles, int TileSize)
{
    private const int MaxTileCount = 1024;

    // The stretched picture of the largest grid: 334 tiles of 448 pixels. Releases go to 40 tiles.
    private const long MaxStretchedPixels = 1L << 26;

    // The released configurations' min_dynamic_patch and max_dynamic_patch (OpenGVLab/InternVL, internvl_chat/shell), min_tiles and
    // max_tiles (NVlabs/VILA, llava/model/configuration_llava.py).
    private const int ReleasedMinTiles = 1;
    private const int ReleasedMaxTiles = 12;

    /// <summary>The grids, the smallest first.</summary>
    public IReadOnlyList<TileGrid> Grids => field ??= TileGrid.All(MinTiles, MaxTiles);

    /// <summary>Reads what a file says, or else what was released.</summary>
    /// <exception cref="ModelFileException">A number cannot be.</exception>
    public static TileRule Read(GgufFile file, int tileSize)
    {
        int minTiles = Number(file, "clip.vision.preproc_min_tiles", ReleasedMinTiles);
        int maxTiles = Number(file, "clip.vision.preproc_max_tiles", Math.Max(ReleasedMaxTiles, minTiles));
        if (maxTiles < minTiles)
            throw new ModelFileException(
                file.Path,
                $"clip.vision.preproc_max_tiles is {maxTiles}, less than clip.vision.preproc_min_tiles, {minTiles}."
            );
        if ((long)maxTiles * tileSize * tileSize > MaxStretchedPixels)
            throw new ModelFileException(
                file.Path,
                $"clip.vision.preproc_max_tiles is {maxTiles}, and so many tiles of {tileSize} x {tileSize} pixels "
                    + $"(clip.vision.image_size) are more than {MaxStretchedPixels / 1_000_000} million."
            );
        return new TileRule(minTiles, maxTiles, tileSize);
    }

    private static int Number(GgufFile file, string key, int released)
    {
        if (!file.Metadata.ContainsKey(key))
            return released;
        uint value = file.Metadata.RequireUInt32(key);
        return value is > 0 and <= MaxTileCount
            ? (int)value
            : throw new ModelFileException(file.Path, $"{key} is {value}, not within 1 to {MaxTileCount}.");
    }
}
