using System.Globalization;
using Tessera.Cli.Chat;

namespace Tessera.Cli.Arguments;

/// <summary>Pages of a PDF as a command line names them: <c>report.pdf#3</c>, <c>report.pdf#2-4</c>, or <c>report.pdf</c> where there is
/// just one.</summary>
/// <param name="Path">The file.</param>
/// <param name="First">The first page, from 1; null where none is named.</param>
/// <param name="Last">The last page.</param>
internal sealed record PdfPages(string Path, int? First, int Last)
{
    private const string Ending = ".pdf";

    // No context holds more.
    private const int MostPages = 100;

    /// <summary>The pages that a name means; null where it means something else.</summary>
    /// <exception cref="ImageException">It names pages, but not by their numbers.</exception>
    public static PdfPages? Find(string name)
    {
        // A file's own name may have a # in it.
        if (File.Exists(name) || !name.Contains('#'))
        {
            string whole = TypedPath.OfFileAddress(name) ?? name;
            return PdfDocument.IsPdfFile(whole) ? new PdfPages(whole, null, 0) : null;
        }

        int mark = name.LastIndexOf('#');
        string path = TypedPath.OfFileAddress(name[..mark]) ?? name[..mark];
        if (!PdfDocument.IsPdfFile(path) && (!path.EndsWith(Ending, StringComparison.OrdinalIgnoreCase) || ImageInputs.IsAddress(path)))
            return null;
        string[] numbers = name[(mark + 1)..].Split('-');
        if (numbers.Length > 2 || !TryNumber(numbers[0], out int first) || !TryNumber(numbers[^1], out int last) || last < first)
            throw new ImageException(name, "pages are named as in report.pdf#3, or report.pdf#2-4.");
        return last - first < MostPages
            ? new PdfPages(path, first, last)
            : throw new ImageException(name, $"take at most {MostPages} pages at once.");
    }

    /// <summary>Whether a name means pages.</summary>
    public static bool IsName(string name)
    {
        try
        {
            return Find(name) is not null;
        }
        catch (ImageException)
        {
            return false;
        }
    }

    /// <summary>A name of several pages as a name for each; any other name as it is.</summary>
    /// <exception cref="ImageException">As for <see cref="Find"/>.</exception>
    public static IReadOnlyList<string> Each(string name) =>
        Find(name) is { First: { } first, Last: var last } pages
            ? [.. Enumerable.Range(first, last - first + 1).Select(page => $"{pages.Path}#{page}")]
            : [name];

    /// <summary>The pages as pictures.</summary>
    /// <exception cref="ImageException">A page cannot be drawn, or none is named of several.</exception>
    /// <exception cref="TesseraException">There is no program that draws pages.</exception>
    public async Task<IReadOnlyList<PromptImage>> DrawAsync(CancellationToken cancellationToken)
    {
        PdfDocument document = await PdfDocument.OpenAsync(Path, cancellationToken);
        if (First is null && document.PageCount > 1)
            throw new ImageException(
                Path,
                $"it is a PDF of {document.PageCount} pages: name one as {System.IO.Path.GetFileName(Path)}#1, or several as "
                    + $"{System.IO.Path.GetFileName(Path)}#1-{Math.Min(document.PageCount, 3)}."
            );
        var drawn = new List<PromptImage>();
        for (int page = First ?? 1; page <= (First is null ? 1 : Last); page++)
            drawn.Add(await document.DrawAsync(page, cancellationToken));
        return drawn;
    }

    private static bool TryNumber(string text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number > 0;
}
