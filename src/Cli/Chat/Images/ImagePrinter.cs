namespace Tessera.Cli.Chat.Images;

/// <summary>Shows pictures in the terminal, at most two thirds of its rows high.</summary>
/// <param name="output">The terminal.</param>
/// <param name="size">Its columns and rows now.</param>
/// <param name="detect">Finds out how it can show pictures; asked once, before the first one.</param>
internal sealed class ImagePrinter(TextWriter output, Func<(int Width, int Height)> size, Func<ImageProtocol> detect)
{
    private const int MaxColumns = 64;
    private const int MaxRows = 24;

    // Terminals scale what they are given for so many columns, sixels excepted; common fonts have cells of about this size.
    private static readonly PixelSize AssumedCell = new(8, 16);
    private ImageProtocol? protocol;

    /// <param name="vision">Decodes it.</param>
    /// <param name="image">The picture.</param>
    /// <param name="grid">A plan whose tiles are drawn over it; null for none.</param>
    /// <exception cref="ImageException">It cannot be read.</exception>
    public void Print(VisionModel vision, PromptImage image, SlicePlan? grid = null)
    {
        ImageProtocol use = protocol ??= detect();
        if (use == ImageProtocol.None)
            return;
        PixelSize cell = use is ImageProtocol.HalfBlocks or ImageProtocol.HalfBlocks256 ? HalfBlockImage.CellSize : AssumedCell;
        (int width, int height) = size();
        var most = new PixelSize(cell.Width * Math.Clamp(width - 1, 1, MaxColumns), cell.Height * Math.Clamp(height * 2 / 3, 1, MaxRows));
        ImagePreview preview = vision.Preview(image, most, grid);
        output.Write(Encode(use, preview, (preview.Size.Width + cell.Width - 1) / cell.Width));
        output.Flush();
    }

    private static string Encode(ImageProtocol protocol, ImagePreview preview, int columns) =>
        protocol switch
        {
            ImageProtocol.Kitty => KittyImage.Encode(preview, columns) + "\r\n",
            ImageProtocol.ITerm2 => ITerm2Image.Encode(preview, columns) + "\r\n",
            ImageProtocol.Sixel => SixelImage.Encode(preview) + "\r\n",
            _ => HalfBlockImage.Encode(preview, protocol == ImageProtocol.HalfBlocks),
        };
}
