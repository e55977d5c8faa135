using Tessera.Cli.Chat;
using Tessera.Cli.Output;
using Tessera.Shared;

namespace Tessera.Cli.Arguments;

/// <summary>Reads the pictures that a command line names: files, http(s) addresses, or <c>-</c> for standard input.</summary>
internal static class ImageInputs
{
    private const int EnoughToTell = 16;
    private const int LargestDoubled = 1 << 25;
    private static readonly string[] Endings = [".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".avif", ".bmp"];
    private static readonly TimeSpan DownloadTimeout = TimeSpan.FromSeconds(60);

    /// <summary>Whether a name ends as pictures' do, or is the file of one.</summary>
    public static bool LooksLikePicture(string name) => HasPictureEnding(name) || PromptImage.IsImageFile(name);

    /// <summary>Whether a name ends as pictures' do.</summary>
    public static bool HasPictureEnding(string name) => Endings.Contains(Path.GetExtension(name).ToLowerInvariant());

    /// <summary>Reads several.</summary>
    /// <param name="sources">What the command line says.</param>
    /// <param name="console">Where standard input is.</param>
    /// <param name="allowsLocal">Whether an address may be redirected into this machine's network.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="ImageException">A picture cannot be read.</exception>
    public static async Task<IReadOnlyList<PromptImage>> ReadAsync(
        IReadOnlyList<string> sources,
        CliConsole console,
        bool allowsLocal,
        CancellationToken cancellationToken
    )
    {
        var images = new List<PromptImage>();
        foreach (string source in sources)
        {
            if (PdfPages.Find(source) is { } pages)
                images.AddRange(await pages.DrawAsync(cancellationToken));
            else
                images.Add(await ReadAsync(source, console, allowsLocal, cancellationToken));
        }

        return images;
    }

    /// <exception cref="ImageException">The picture cannot be read.</exception>
    public static async Task<PromptImage> ReadAsync(
        string source,
        CliConsole console,
        bool allowsLocal,
        CancellationToken cancellationToken
    )
    {
        if (source == "-")
            return await ReadStreamAsync(console.OpenInput(), "standard input", cancellationToken);
        return await ReadAsync(source, allowsLocal, cancellationToken);
    }

    /// <summary>Reads one that is not standard input.</summary>
    /// <exception cref="ImageException">The picture cannot be read.</exception>
    public static async Task<PromptImage> ReadAsync(string source, bool allowsLocal, CancellationToken cancellationToken)
    {
        if (PdfPages.Find(source) is { } pages)
            return (await pages.DrawAsync(cancellationToken)) is [var only]
                ? only
                : throw new ImageException(source, "one page at a time: name it, as in report.pdf#3.");
        if (IsAddress(source))
            return await DownloadAsync(source, allowsLocal, cancellationToken);
        if (source.StartsWith("file:/", StringComparison.OrdinalIgnoreCase))
            source =
                TypedPath.OfFileAddress(source)
                ?? throw new ImageException(source, "this address is not one of this machine: copy the file here, or use http.");
        bool isPipe = FileKind.IsOpenDescriptor(source) && File.Exists(source) && !FileKind.HasContents(source);
        return isPipe ? await ReadPipeAsync(source, cancellationToken) : await PromptImage.FromFileAsync(source, cancellationToken);
    }

    /// <summary>Whether a name is an address of the web.</summary>
    public static bool IsAddress(string name) =>
        name.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || name.StartsWith("https://", StringComparison.OrdinalIgnoreCase);

    // A pipe that is open already, as a shell's <(command) is, has no length: it is read to its end, if that comes.
    private static async Task<PromptImage> ReadPipeAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            await using FileStream file = await Task.Run(() => File.OpenRead(path), cancellationToken).WaitAsync(cancellationToken);
            return await ReadStreamAsync(file, path, cancellationToken);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new ImageException(path, $"it cannot be read ({failure.Message}).", failure);
        }
    }

    private static async Task<PromptImage> DownloadAsync(string address, bool allowsLocal, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(DownloadTimeout);
        try
        {
            using var download = new ImageDownload(address, allowsLocal);
            using HttpResponseMessage response = await download.OpenAsync(limit.Token);
            if (response.Content.Headers.ContentLength > PromptImage.MaxByteLength)
                throw TooLarge(address);
            return await ReadStreamAsync(await response.Content.ReadAsStreamAsync(limit.Token), address, limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ImageException(address, $"the server did not send it within {DownloadTimeout.TotalSeconds:0} seconds.");
        }
        catch (Exception failure)
            when (failure is HttpRequestException or IOException or UriFormatException or InvalidOperationException or NotSupportedException
            )
        {
            throw new ImageException(address, $"it cannot be fetched ({failure.Message.TrimEnd('.')}).", failure);
        }
    }

    private static async Task<PromptImage> ReadStreamAsync(Stream stream, string name, CancellationToken cancellationToken)
    {
        using var data = new MemoryStream();
        var buffer = new byte[1 << 16];
        int count;
        // A read from a terminal cannot be cancelled, but need not be waited for.
        while ((count = await stream.ReadAsync(buffer, cancellationToken).AsTask().WaitAsync(cancellationToken)) > 0)
        {
            if (data.Length + count > PromptImage.MaxByteLength)
                throw TooLarge(name);
            // Doubled to the end, it would take twice as much with its copies; what is not written of an array takes no memory.
            if (data.Length + count > data.Capacity && data.Capacity >= LargestDoubled)
                data.Capacity = (int)PromptImage.MaxByteLength;
            data.Write(buffer, 0, count);
            // What is no picture by its first bytes will be none by its last.
            if (
                data.Length - count < EnoughToTell
                && data.Length >= EnoughToTell
                && new PromptImage(data.ToArray(), name).MediaType is null
            )
                break;
        }

        // Not copied once more: it may be half a gigabyte.
        return new PromptImage(data.GetBuffer().AsMemory(0, (int)data.Length), name);
    }

    private static ImageException TooLarge(string name) =>
        new(name, $"it has more than {PromptImage.MaxByteLength / 1_000_000} MB: make it smaller first.");
}
