using Tessera.Imaging.Pages;
using Tessera.Shared;

namespace Tessera;

/// <summary>
/// A PDF file whose pages become pictures. A program of its own draws them, Poppler's pdftoppm or MuPDF's mutool from PATH, within limits
/// of time, memory and size: a file made to harm ends that program at most.
/// </summary>
public sealed class PdfDocument
{
    /// <summary>Pixels of a page's longer side: characters of 10 points on A4 are about 20 pixels high.</summary>
    public const int LongerSide = 2048;

    private readonly PagePrograms program;

    private PdfDocument(string path, PagePrograms program, int pageCount) => (Path, this.program, PageCount) = (path, program, pageCount);

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Its pages.</summary>
    public int PageCount { get; }

    /// <summary>Whether a file begins as PDFs do; false if it cannot be read.</summary>
    public static bool IsPdfFile(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        try
        {
            if (!FileKind.HasContents(path))
                return false;
            Span<byte> start = stackalloc byte[5];
            using FileStream file = File.OpenRead(path);
            return file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length && start.SequenceEqual("%PDF-"u8);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Opens a file and counts its pages.</summary>
    /// <exception cref="ImageException">It is missing, damaged, encrypted, or no PDF.</exception>
    /// <exception cref="TesseraException">There is no program that draws pages.</exception>
    public static async Task<PdfDocument> OpenAsync(string path, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (!File.Exists(path))
            throw new ImageException(path, Directory.Exists(path) ? "it is a folder, not a PDF." : "there is no such file.");
        if (!IsPdfFile(path))
            throw new ImageException(path, "it is no PDF.");
        PagePrograms program = PagePrograms.Find(path);
        int count = await program.CountAsync(path, cancellationToken).ConfigureAwait(false);
        return count > 0 ? new PdfDocument(path, program, count) : throw new ImageException(path, "it has no pages.");
    }

    /// <summary>Draws a page on white, its longer side <see cref="LongerSide"/> pixels.</summary>
    /// <param name="page">Its number, from 1.</param>
    /// <param name="cancellationToken">Ends the program that draws.</param>
    /// <returns>The page; messages call it by the file and the number, as in <c>report.pdf#3</c>.</returns>
    /// <exception cref="ImageException">There is no such page, or it cannot be drawn within the limits.</exception>
    public async Task<PromptImage> DrawAsync(int page, CancellationToken cancellationToken = default)
    {
        string name = $"{Path}#{page}";
        if (page < 1 || page > PageCount)
            throw new ImageException(name, $"there is no such page: {(PageCount == 1 ? "it has one" : $"they are 1 to {PageCount}")}.");
        byte[] drawn = await program.DrawAsync(Path, page, LongerSide, cancellationToken).ConfigureAwait(false);
        return new PromptImage(drawn, name);
    }
}
