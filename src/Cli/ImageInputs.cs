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
        return isAddress ? await DownloadAsync(source, cancellationToken) : await PromptImage.FromFileAsync(source, cancellationToken);
    }

    private static async Task<PromptImage> DownloadAsync(string address, CancellationToken cancellationToken)
    {
        using var client = new HttpClient { Timeout = DownloadTimeout };
        try
        {
            using HttpResponseMessage response = await client.GetAsync(address, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if (!response.IsSuccessStatusCode) throw new ImageException(address, $"the server answered {(int)response.StatusCode} {response.ReasonPhrase}.");
            return await ReadStreamAsync(await response.Content.ReadAsStreamAsync(cancellationToken), address, cancellationToken);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ImageException(address, $"the server did not answer within {DownloadTimeout.TotalSeconds:0} seconds.");
        }
        catch (Exception failure) when (failure is HttpRequestException or UriFormatException or InvalidOperationException)
        {
            throw new ImageException(address, $"it cannot be fetched ({failure.Message}).", failure);
        }
    }

    private static async Task<PromptImage> ReadStreamAsync(Stream stream, string name, CancellationToken cancellationToken)
    {
        using var data = new MemoryStream();
        var buffer = new byte[1 << 16];
        int count;
        while ((count = await stream.ReadAsync(buffer, cancellationToken)) > 0)
        {
            if (data.Length + count > MaxByteLength) throw new ImageException(name, $"it has more than {MaxByteLength / 1_000_000} MB.");
            data.Write(buffer, 0, count);
        }

        return new PromptImage(data.ToArray(), name);
    }
}
