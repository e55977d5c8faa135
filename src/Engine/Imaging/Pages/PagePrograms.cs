using System.Globalization;

namespace Tessera.Imaging.Pages;

/// <summary>A program from PATH that counts and draws the pages of PDF files: how it is called and what it answers.</summary>
internal abstract class PagePrograms
{
    private static readonly PagePrograms[] Known = [new Poppler(), new MuPdf()];

    /// <summary>The first that is installed.</summary>
    /// <exception cref="TesseraException">None is.</exception>
    public static PagePrograms Find(string source) =>
        Known.FirstOrDefault(static program => program.Programs.All(BoundedProgram.IsInstalled))
        ?? throw new TesseraException(
            $"{source}: pages of PDF files are drawn by Poppler's pdftoppm or by MuPDF's mutool, and neither is on PATH: install "
                + "poppler-utils (Debian, Fedora), poppler (Homebrew, Chocolatey, Scoop) or mupdf-tools, or give the page as a picture."
        );

    /// <summary>Pages of a file.</summary>
    /// <exception cref="ImageException">It cannot be read.</exception>
    public abstract Task<int> CountAsync(string path, CancellationToken cancellationToken);

    /// <summary>A page as a picture's file.</summary>
    /// <param name="path">The PDF.</param>
    /// <param name="page">From 1.</param>
    /// <param name="longerSide">Pixels of the longer side.</param>
    /// <param name="cancellationToken">Ends the program.</param>
    /// <exception cref="ImageException">It cannot be drawn.</exception>
    public abstract Task<byte[]> DrawAsync(string path, int page, int longerSide, CancellationToken cancellationToken);

    protected abstract string[] Programs { get; }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static int Number(ReadOnlySpan<char> text) =>
        int.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0;

    // Options of poppler-utils 22 and later.
    private sealed class Poppler : PagePrograms
    {
        protected override string[] Programs => ["pdftoppm", "pdfinfo"];

        public override async Task<int> CountAsync(string path, CancellationToken cancellationToken)
        {
            const string Label = "Pages:";
            string told = await BoundedProgram
                .TextAsync("pdfinfo", [Path.GetFullPath(path)], path, cancellationToken)
                .ConfigureAwait(false);
            string? line = told.Split('\n').FirstOrDefault(static row => row.StartsWith(Label, StringComparison.Ordinal));
            return line is null ? 0 : Number(line.AsSpan(Label.Length));
        }

        public override Task<byte[]> DrawAsync(string path, int page, int longerSide, CancellationToken cancellationToken) =>
            BoundedProgram.BytesAsync(
                "pdftoppm",
                [
                    .. (string[])["-f", Text(page), "-l", Text(page), "-singlefile"],
                    .. (string[])["-scale-to", Text(longerSide), "-cropbox", "-png"],
                    Path.GetFullPath(path),
                ],
                $"{path}#{page}",
                cancellationToken
            );
    }

    // Options of mupdf-tools 1.21 and later.
    private sealed class MuPdf : PagePrograms
    {
        protected override string[] Programs => ["mutool"];

        public override async Task<int> CountAsync(string path, CancellationToken cancellationToken) =>
            Number(
                await BoundedProgram
                    .TextAsync("mutool", ["show", Path.GetFullPath(path), "trailer/Root/Pages/Count"], path, cancellationToken)
                    .ConfigureAwait(false)
            );

        public override Task<byte[]> DrawAsync(string path, int page, int longerSide, CancellationToken cancellationToken) =>
            BoundedProgram.BytesAsync(
                "mutool",
                [
                    .. (string[])["draw", "-q", "-F", "png", "-o", "-"],
                    .. (string[])["-w", Text(longerSide), "-h", Text(longerSide)],
                    Path.GetFullPath(path),
                    Text(page),
                ],
                $"{path}#{page}",
                cancellationToken
            );
    }
}
