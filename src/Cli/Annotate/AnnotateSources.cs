using System.CommandLine;
using System.Runtime.CompilerServices;
using Tessera.Annotation;
using Tessera.Cli.Arguments;
using Tessera.Cli.Commands;
using Tessera.Cli.Output;

namespace Tessera.Cli.Annotate;

/// <summary>The arguments that name the pictures to be asked about.</summary>
internal sealed class AnnotateSources(CliConsole console)
{
    private readonly Argument<string[]> sources = new("SOURCE")
    {
        Description = "Folders, patterns in quotes ('photos/**/*.jpg'), pictures, lists with a path on each line, or - for such a list.",
        Arity = ArgumentArity.OneOrMore,
    };
    private readonly Option<bool> pdf = new("--pdf") { Description = "Take the pages of PDF files as pictures too, as report.pdf#3." };
    private readonly Option<bool> watch = new("--watch") { Description = "Go on with pictures that come into the folders, until Ctrl+C." };

    public void AddTo(Command command)
    {
        command.Add(sources);
        command.Add(pdf);
        command.Add(watch);
    }

    /// <summary>Whether it goes on for ever.</summary>
    public bool Watches(ParseResult parsed) => parsed.GetValue(watch);

    /// <summary>Says what is wrong with the sources before anything is loaded.</summary>
    public void Check(ParseResult parsed)
    {
        string[] named = parsed.GetRequiredValue(sources);
        if (named.Any(static source => source.Length == 0))
            throw new UsageException("A source is empty.");
        if (named.Count(static source => source == "-") > 1)
            throw new UsageException("Standard input can be read only once.");
        if (Watches(parsed) && named.FirstOrDefault(static source => source == "-" || !PictureSources.CanGrow(source)) is string still)
            throw new UsageException($"--watch takes folders and patterns; {still} is neither.");
        foreach (string source in named.Where(static source => source != "-"))
        {
            if (!parsed.GetValue(pdf) && PdfDocument.IsPdfFile(source))
                throw new UsageException($"{source} is a PDF: give --pdf to ask about its pages.");
            _ = PictureSources.Paths(source, IsDocument(parsed)).Any();
        }
    }

    /// <summary>The pictures, each once.</summary>
    public IAsyncEnumerable<string> PathsAsync(ParseResult parsed, CancellationToken cancellationToken) =>
        PagesAsync(
            parsed,
            Watches(parsed)
                ? new FolderWatch(() => Listed(parsed)).RunAsync(cancellationToken)
                : OnceAsync(Listed(parsed), cancellationToken),
            cancellationToken
        );

    /// <summary>How many pictures there are; -1 where that is not known before.</summary>
    public async Task<long> CountAsync(ParseResult parsed, CancellationToken cancellationToken) =>
        Watches(parsed) || parsed.GetRequiredValue(sources).Contains("-")
            ? -1
            : await PathsAsync(parsed, cancellationToken).LongCountAsync(cancellationToken);

    private IEnumerable<string> Listed(ParseResult parsed) =>
        parsed
            .GetRequiredValue(sources)
            .SelectMany(source =>
                source == "-"
                    ? PictureSources.Listed(console.OpenInput(), "standard input")
                    : PictureSources.Paths(source, IsDocument(parsed))
            );

    private Func<string, bool>? IsDocument(ParseResult parsed) => parsed.GetValue(pdf) ? PdfDocument.IsPdfFile : null;

    // One that cannot be opened stays one picture, whose line says why.
    private async IAsyncEnumerable<string> PagesAsync(
        ParseResult parsed,
        IAsyncEnumerable<string> paths,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        await foreach (string path in paths)
        {
            int pages = parsed.GetValue(pdf) && PdfDocument.IsPdfFile(path) ? await PageCountAsync(path, cancellationToken) : 0;
            if (pages == 0)
                yield return path;
            for (int page = 1; page <= pages; page++)
                yield return $"{path}#{page}";
        }
    }

    private static async Task<int> PageCountAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            return (await PdfDocument.OpenAsync(path, cancellationToken)).PageCount;
        }
        catch (TesseraException)
        {
            return 0;
        }
    }

    // A list may come from a pipe that says nothing for a while: waiting for it can be cancelled.
    private static async IAsyncEnumerable<string> OnceAsync(
        IEnumerable<string> paths,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        using IEnumerator<string> each = paths.GetEnumerator();
        while (await Task.Run(each.MoveNext, cancellationToken).WaitAsync(cancellationToken))
            yield return each.Current;
    }

    /// <summary>A picture of the sources: a file or an address.</summary>
    public AnnotationItem ItemOf(string path, bool allowsLocal) =>
        new(path, stop => ImageInputs.ReadAsync(path == "-" ? "./-" : path, console, allowsLocal, stop))
        {
            Location = ImageInputs.IsAddress(path) ? null : Path.GetFullPath(path),
        };
}
