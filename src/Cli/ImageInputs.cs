namespace Tessera.Cli;

/// <summary>Reads the pictures that a command line names: files, http(s) addresses, or <c>-</c> for standard input.</summary>
internal static class ImageInputs
{
    private const long MaxByteLength = 512_000_000;
    private static readonly TimeSpan DownloadTimeout = TimeSpan.FromSeconds(60);

    /// <exception cref="ImageException">A picture cannot be read.</exception>
    public static async Task<IReadOnlyList<PromptImage>> ReadAsync(IReadOnlyList<string> sources, CliConsole console, CancellationToken cancellationToken)
    {
        var images = new List<PromptImage>();
        foreach (string source in sources) images.Add(await ReadAsync(source, console, cancellationToken));
        return images;
    }

    /// <exception cref="ImageException">The picture cannot be read.</exception>
    public static async Task<PromptImage> ReadAsync(string source, CliConsole console, CancellationToken cancellationToken)
    {
        if (source == "-") return await ReadStreamAsync(console.OpenInput(), "standard input", cancellationToken);
        bool isAddress = source.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || source.StartsWith("https://", StringComparison.OrdinalIgnoreCase);
        if (isAddress) return await DownloadAsync(source, cancellationToken);
        return File.Exists(source) ? await ReadFileAsync(source, cancellationToken) : await PromptImage.FromFileAsync(source, cancellationToken);
    }

    // A pipe that is open already, as a shell's <(command) is, has no length: it is read to its end, if that comes.
    private static async Task<PromptImage> ReadFileAsync(string path, CancellationToken cancellationToken)
    {
        if (Shared.FileKind.HasContents(path) || !Shared.FileKind.IsOpenDescriptor(path)) return await PromptImage.FromFileAsync(path, cancellationToken);
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

    private static async Task<PromptImage> DownloadAsync(string address, CancellationToken cancellationToken)
    {
        using var client = new HttpClient { Timeout = Timeout.InfiniteTimeSpan };
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(DownloadTimeout);
        try
        {
            using HttpResponseMessage response = await client.GetAsync(address, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            if (!response.IsSuccessStatusCode) throw new ImageException(address, $"the server answered {(int)response.StatusCode} {response.ReasonPhrase}.");
            if (response.Content.Headers.ContentLength > MaxByteLength) throw TooLarge(address);
            return await ReadStreamAsync(await response.Content.ReadAsStreamAsync(limit.Token), address, limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ImageException(address, $"the server did not send it within {DownloadTimeout.TotalSeconds:0} seconds.");
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException or UriFormatException or InvalidOperationException or NotSupportedException)
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
            if (data.Length + count > MaxByteLength) throw TooLarge(name);
            data.Write(buffer, 0, count);
        }

        return new PromptImage(data.ToArray(), name);
    }

    private static ImageException TooLarge(string name) => new(name, $"it has more than {MaxByteLength / 1_000_000} MB: make it smaller first.");
}
