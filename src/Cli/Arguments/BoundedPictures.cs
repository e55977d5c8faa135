using Tessera.Cli.Output;

namespace Tessera.Cli.Arguments;

/// <summary>Reads pictures that others name: files and pages of PDF files by their whole paths, within folders if there are bounds. Never
/// addresses, which would let others look into this machine's network.</summary>
/// <param name="console">Where standard input is, which is not read.</param>
/// <param name="bounds">The folders; null for all.</param>
internal sealed class BoundedPictures(CliConsole console, FolderBounds? bounds)
{
    /// <exception cref="ImageException">It is no whole path, lies elsewhere, or is no picture that can be read.</exception>
    public Task<PromptImage> ReadAsync(string path, CancellationToken cancellationToken)
    {
        if (!Path.IsPathFullyQualified(path) || path.Contains('\0'))
            throw new ImageException(path, "it is no whole path of a file.");
        if (bounds is null)
            return ImageInputs.ReadAsync(path, console, allowsLocal: false, cancellationToken);
        int mark = File.Exists(path) ? -1 : path.LastIndexOf('#');
        string file = bounds.Require(mark < 0 ? path : path[..mark]);
        return ImageInputs.ReadAsync(mark < 0 ? file : file + path[mark..], console, allowsLocal: false, cancellationToken);
    }
}
