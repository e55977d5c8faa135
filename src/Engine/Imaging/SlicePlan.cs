namespace Tessera.Imaging;

/// <summary>A size in pixels.</summary>
/// <param name="Width">Pixels from left to right.</param>
/// <param name="Height">Pixels from top to bottom.</param>
public readonly record struct PixelSize(int Width, int Height)
{
    /// <summary>Number of pixels.</summary>
    public long Area => (long)Width * Height;

    /// <inheritdoc/>
    public override string ToString() => $"{Width} x {Height}";
}

/// <summary>What a slice shows.</summary>
public enum SliceKind
{
    /// <summary>The whole picture.</summary>
    Overview,

    /// <summary>One cell of the grid.</summary>
    Tile,
}

/// <summary>One picture that the vision tower sees.</summary>
/// <param name="Kind">Whether it is the overview or a tile.</param>
/// <param name="Row">Row in the grid, 0 at the top; 0 for an overview.</param>
/// <param name="Column">Column in the grid, 0 at the left; 0 for an overview.</param>
/// <param name="Size">Size in pixels as the tower sees it.</param>
/// <param name="TokenCount">Embeddings that it becomes before merging.</param>
public sealed record Slice(SliceKind Kind, int Row, int Column, PixelSize Size, int TokenCount);

/// <summary>How a picture is cut for a vision model: pure arithmetic on its size, made before any pixel is touched.</summary>
/// <param name="Image">Size of the original picture, upright.</param>
/// <param name="Columns">Columns of the grid; 1 where the family does not slice.</param>
/// <param name="Rows">Rows of the grid; 1 where the family does not slice.</param>
/// <param name="Refined">Size to which the picture is brought before it is cut.</param>
/// <param name="Slices">The slices in the order in which they are encoded.</param>
/// <param name="ImageTokenCount">Embeddings that enter the language model for the whole picture.</param>
public sealed record SlicePlan(PixelSize Image, int Columns, int Rows, PixelSize Refined, IReadOnlyList<Slice> Slices, int ImageTokenCount);
