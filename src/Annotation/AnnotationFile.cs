using System.Text.Json;

namespace Tessera.Annotation;

/// <summary>
/// A file of lines, one for each picture. A line is written with one call to the system, so that a kill leaves whole lines and perhaps
/// the beginning of one, which is taken away when the file is opened again. Thread-safe.
/// </summary>
public sealed class AnnotationFile : IDisposable
{
    private readonly Lock gate = new();
    private readonly HashSet<PathKey> keys = [];
    private readonly Stream stream;
    private readonly string path;
    private readonly string? asked;

    private static ReadOnlySpan<byte> LineStart => "{\"path\":"u8;

    private AnnotationFile(Stream stream, string path, AnnotationRequest? request)
    {
        (this.stream, this.path) = (stream, path);
        asked = request is null ? null : AskedDigest.Of(request);
    }

    /// <summary>Lines that are there.</summary>
    public int Count { get; private set; }

    /// <summary>Lines among them that say why there is no answer.</summary>
    public int FailedCount { get; private set; }

    /// <summary>Begins a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="request">What is asked, which each line then tells by <see cref="AnnotationLine.Asked"/>; null for lines that do
    /// not.</param>
    /// <exception cref="TesseraException">It cannot be written, or there is one.</exception>
    public static AnnotationFile Create(string path, AnnotationRequest? request = null) => Open(path, FileMode.CreateNew, request);

    /// <summary>Goes on with a file, or begins it where there is none.</summary>
    /// <param name="path">The file.</param>
    /// <param name="request">What is asked; null where any lines will do.</param>
    /// <exception cref="AskedOtherwiseException">Lines of it answer another question.</exception>
    /// <exception cref="TesseraException">It cannot be written, or holds something else.</exception>
    public static AnnotationFile Resume(string path, AnnotationRequest? request = null)
    {
        AnnotationFile file = Open(path, FileMode.OpenOrCreate, request);
        try
        {
            file.ReadLines();
            return file;
        }
        catch (Exception failure)
        {
            file.Dispose();
            if (failure is IOException or InvalidDataException)
                throw new TesseraException($"{path}: it cannot be read ({failure.Message.TrimEnd('.')}).", failure);
            throw;
        }
    }

    /// <summary>Writes lines to a stream, from which nothing can be read back.</summary>
    public static AnnotationFile Over(Stream stream, string name) => new(stream, name, null);

    /// <summary>Whether a picture has its line.</summary>
    public bool Has(PathKey key)
    {
        lock (gate)
            return keys.Contains(key);
    }

    /// <summary>Writes a line. False, without doing it, if the picture has one.</summary>
    /// <exception cref="TesseraException">It cannot be written; what is there is whole lines.</exception>
    public bool Append(AnnotationLine line)
    {
        ArgumentNullException.ThrowIfNull(line);
        byte[] bytes = [.. (asked is null ? line : line with { Asked = asked }).ToJson(), (byte)'\n'];
        lock (gate)
        {
            if (!keys.Add(PathKey.Of(line.Path)))
                return false;
            Write(bytes);
            Note(line);
            return true;
        }
    }

    /// <summary>Returns when all lines are on the disk.</summary>
    /// <exception cref="TesseraException">They cannot be written.</exception>
    public void Flush()
    {
        try
        {
            lock (gate)
                if (stream is FileStream file)
                    file.Flush(flushToDisk: true);
                else
                    stream.Flush();
        }
        catch (IOException failure)
        {
            throw Unwritable(failure);
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => stream.Dispose();

    private static AnnotationFile Open(string path, FileMode mode, AnnotationRequest? request)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            return new AnnotationFile(OpenAlone(path, mode), path, request);
        }
        catch (IOException failure) when (mode == FileMode.CreateNew && File.Exists(path))
        {
            throw new AnnotationFileExistsException(path, failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new TesseraException($"{path}: it cannot be written ({failure.Message.TrimEnd('.')}).", failure);
        }
    }

    // Two processes that write the same file would each repeat what the other does, but others may read it. On Linux and macOS, shares are
    // locks that keep out only who asks for them; there is none for "writes alone", which Linux has beside them.
    private static FileStream OpenAlone(string path, FileMode mode)
    {
        var stream = new FileStream(
            path,
            mode,
            FileAccess.ReadWrite,
            OperatingSystem.IsMacOS() ? FileShare.None : FileShare.Read,
            bufferSize: 0
        );
        try
        {
            if (OperatingSystem.IsLinux())
                stream.Lock(0, 1);
            return stream;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    private void ReadLines()
    {
        long whole = 0;
        foreach ((ReadOnlyMemory<byte> bytes, long end, bool isWhole) in JsonLines.Read(stream))
        {
            // What a kill cut off is written anew; of anything else nothing is taken away.
            if (!isWhole && bytes.Span.StartsWith(LineStart[..Math.Min(bytes.Length, LineStart.Length)]))
                break;
            Note(ReadLine(bytes.Span));
            whole = end;
        }

        stream.SetLength(whole);
        stream.Seek(0, SeekOrigin.End);
    }

    private AnnotationLine ReadLine(ReadOnlySpan<byte> bytes)
    {
        try
        {
            AnnotationLine line = AnnotationLine.FromJson(bytes);
            if (asked is not null && line.Asked is not null && line.Asked != asked)
                throw new AskedOtherwiseException(path, Count + 1);
            keys.Add(PathKey.Of(line.Path));
            return line;
        }
        catch (JsonException failure)
        {
            throw new TesseraException($"{path}: line {Count + 1} is no result of annotate, so this file cannot be gone on with.", failure);
        }
    }

    private void Write(byte[] bytes)
    {
        long before = stream.CanSeek ? stream.Position : 0;
        try
        {
            stream.Write(bytes);
        }
        catch (IOException failure)
        {
            TryCut(before);
            throw Unwritable(failure);
        }
    }

    private void TryCut(long length)
    {
        try
        {
            if (stream.CanSeek)
                stream.SetLength(length);
        }
        catch (IOException)
        {
            // The next run takes the rest of the line away.
        }
    }

    private void Note(AnnotationLine line)
    {
        Count++;
        if (line.Error is not null)
            FailedCount++;
    }

    private TesseraException Unwritable(IOException failure) =>
        new($"{path}: it cannot be written ({failure.Message.TrimEnd('.')}); {Count} lines in it are whole.", failure);
}

/// <summary>Lines that answer another question than the one that was to be gone on with.</summary>
public sealed class AskedOtherwiseException : TesseraException
{
    /// <summary>Creates the failure.</summary>
    public AskedOtherwiseException(string path, int line)
        : base($"{path}: line {line} answers another question than this one (another prompt, system sentence, schema or grammar).") =>
        (Path, Line) = (path, line);

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The first such line, from 1.</summary>
    public int Line { get; }
}

/// <summary>Results that are there already, where new ones were to begin.</summary>
public sealed class AnnotationFileExistsException : TesseraException
{
    /// <summary>Creates the failure.</summary>
    public AnnotationFileExistsException(string path, Exception? innerException)
        : base($"{path}: there is such a file already.", innerException) => Path = path;

    /// <summary>The file.</summary>
    public string Path { get; }
}
