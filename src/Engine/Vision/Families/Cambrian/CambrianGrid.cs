namespace Tessera.Vision.Families.Cambrian;

/// <summary>
/// Where the padding of a picture's square lies in a map of it: rows above and below of a wide picture, columns beside a tall one, as many
/// on either side. Source: cambrian-mllm/cambrian 539ffc3, cambrian/model/cambrian_arch.py, unpad_image and unmask_attention_mask.
/// </summary>
/// <param name="Columns">Cells of padding at the left, and as many at the right.</param>
/// <param name="Rows">Cells of padding above, and as many below.</param>
internal readonly record struct CambrianGrid(int Columns, int Rows)
{
    public static CambrianGrid Of(PixelSize image, int side)
    {
        if ((double)image.Width / image.Height > 1)
            return new CambrianGrid(0, (side - (int)(image.Height * ((double)side / image.Width))) / 2);
        return new CambrianGrid((side - (int)(image.Width * ((double)side / image.Height))) / 2, 0);
    }

    /// <summary>Whether a cell of a map of so many along a side is padding.</summary>
    public bool IsPadding(int column, int row, int side) =>
        column < Columns || column >= side - Columns || row < Rows || row >= side - Rows;
}
