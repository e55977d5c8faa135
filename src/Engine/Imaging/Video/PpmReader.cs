using System.Globalization;

namespace Tessera.Imaging.Video;

/// <summary>Reads a stream of PPM pictures (P6, 8 bits), which <c>ffmpeg -vcodec ppm -f image2pipe</c> writes: RGB as it is.</summary>
internal static class PpmReader
{
    private const int MaxHeaderLength = 64;

    /// <summary>The next picture; null at the end of the stream.</summary>
    /// <param name="stream">The stream, at the start of a picture.</param>
    /// <param name="limit">Checked before a pixel is read.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="InvalidDataException">The stream holds something else, or ends within a picture.</exception>
    /// <exception cref="ImageException">The picture is over the limit.</exception>
    public static async Task<RgbImage?> ReadAsync(Stream stream, ImageSizeLimit limit, CancellationToken cancellationToken)
    {
        string[]? header = await ReadHeaderAsync(stream, cancellationToken).ConfigureAwait(false);
        if (header is null)
            return null;
        if (header is not ["P6", _, _, "255"] || !TryNumber(header[1], out int width) || !TryNumber(header[2], out int height))
            throw new InvalidDataException("The pictures are no 8-bit PPM.");
        limit.Require(width, height);
        var picture = new RgbImage(width, height);
        try
        {
            await stream.ReadExactlyAsync(picture.PixelArray, cancellationToken).ConfigureAwait(false);
        }
        catch (EndOfStreamException failure)
        {
            throw new InvalidDataException("The last picture is cut short.", failure);
        }

        return picture;
    }

    // Four words, each ended by one white space.
    private static async Task<string[]?> ReadHeaderAsync(Stream stream, CancellationToken cancellationToken)
    {
        byte[] one = new byte[1];
        var text = new System.Text.StringBuilder();
        for (int words = 0; words < 4; )
        {
            int length = await stream.ReadAsync(one, cancellationToken).ConfigureAwait(false);
            if (length == 0 && text.Length == 0)
                return null;
            if (length == 0 || text.Length >= MaxHeaderLength)
                throw new InvalidDataException("The header of a picture is cut short.");
            text.Append((char)one[0]);
            if (char.IsWhiteSpace((char)one[0]))
                words++;
        }

        return text.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
    }

    private static bool TryNumber(string text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
