namespace Tessera.Imaging.Video;

/// <summary>Frames that are picture files, in the order of a list or, in a folder, of their names.</summary>
internal sealed class FrameFiles : FrameSource
{
    private static readonly string[] Extensions = [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"];

    private readonly IReadOnlyList<string> paths;

    /// <summary>A list of files.</summary>
    /// <exception cref="ImageException">It is empty or too long, or the first picture cannot be read.</exception>
    public FrameFiles(IReadOnlyList<string> paths, long maxPixels, string? folder = null)
    {
        Name = folder ?? (paths.Count > 0 ? paths[0] : "The video");
        FrameCount = RequireCount(Name, paths.Count);
        this.paths = paths;
        MaxPixels = maxPixels;
        Size = ImageCodec.ReadSize(Read(paths[0]), paths[0], maxPixels);
    }

    public override string Name { get; }

    public override int FrameCount { get; }

    public override PixelSize Size { get; }

    protected override long MaxPixels { get; }

    /// <summary>The pictures of a folder, by the numbers in their names; other files, and folders inside, are left out.</summary>
    /// <exception cref="ImageException">It holds no picture, or cannot be read.</exception>
    public static FrameFiles OfFolder(string folder, long maxPixels)
    {
        try
        {
            List<string> files =
            [
                .. Directory
                    .EnumerateFiles(folder)
                    .Where(static file => Extensions.Contains(Path.GetExtension(file).ToLowerInvariant()))
                    .Take(MaxCount + 1),
            ];
            if (files.Count == 0)
                throw new ImageException(
                    folder,
                    $"the folder holds no picture ({string.Join(", ", Extensions.Select(static name => name[1..]))})."
                );
            files.Sort(static (x, y) => NaturalOrder.Instance.Compare(Path.GetFileName(x), Path.GetFileName(y)));
            return new FrameFiles(files, maxPixels, folder);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new ImageException(folder, $"it cannot be read [{failure.Message}].", failure);
        }
    }

    protected override async Task<IReadOnlyList<RgbImage>> ReadChosenAsync(IReadOnlyList<int> indexes, CancellationToken cancellationToken)
    {
        var frames = new List<RgbImage>(indexes.Count);
        long area = 0;
        foreach (string path in indexes.Select(index => paths[index]))
        {
            cancellationToken.ThrowIfCancellationRequested();
            byte[] content = await ReadAsync(path, cancellationToken).ConfigureAwait(false);
            // Frames of a folder may differ in size, so each is asked before it is decoded.
            area += ImageCodec.ReadSize(content, path, MaxPixels).Area;
            RequireSpace(area);
            frames.Add(ImageCodec.Decode(content, path, MaxPixels, cancellationToken));
        }

        return frames;
    }

    private static byte[] Read(string path) => ReadAsync(path, CancellationToken.None).GetAwaiter().GetResult();

    private static async Task<byte[]> ReadAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            return await ImageFileReader.ReadAsync(path, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new ImageException(path, $"it cannot be read [{failure.Message}].", failure);
        }
    }
}
