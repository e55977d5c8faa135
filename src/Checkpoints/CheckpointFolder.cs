using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Tessera.Checkpoints;

/// <summary>The folder that a checkpoint was released as. Names come from files in it, so none may lead out of it.</summary>
internal sealed class CheckpointFolder
{
    private const long MaxTextByteLength = 256L << 20;
    private static readonly JsonDocumentOptions Lenient = new()
    {
        AllowTrailingCommas = true,
        CommentHandling = JsonCommentHandling.Skip,
        MaxDepth = 128,
    };

    /// <exception cref="CheckpointException">There is no such folder.</exception>
    public CheckpointFolder(string path)
    {
        if (File.Exists(path))
            throw new CheckpointException(path, "this is a file; a checkpoint is converted from its folder.");
        if (!Directory.Exists(path))
            throw new CheckpointException(path, "there is no such folder.");
        FullPath = System.IO.Path.GetFullPath(path);
    }

    public string FullPath { get; }

    /// <summary>The last part of the path.</summary>
    public string Name => new DirectoryInfo(FullPath).Name;

    /// <summary>The files right in the folder, in order.</summary>
    public IReadOnlyList<string> FileNames => field ??= ListFiles();

    public bool Has(string name) => File.Exists(PathOf(name));

    /// <summary>Where a file of the folder lies.</summary>
    /// <exception cref="CheckpointException">The name leads out of the folder.</exception>
    public string PathOf(string name)
    {
        bool isPlain = name.Length is > 0 and < 256 && name is not ("." or "..") && name.IndexOfAny(['/', '\\', ':', '\0']) < 0;
        return isPlain
            ? System.IO.Path.Combine(FullPath, name)
            : throw new CheckpointException(FullPath, $"the file name '{Shown(name)}' leads out of the folder.");
    }

    /// <summary>Reads a text file; null if it is not there.</summary>
    /// <exception cref="CheckpointException">It cannot be read, or is too long to be what it should be.</exception>
    public byte[]? TryReadBytes(string name)
    {
        string path = PathOf(name);
        if (!File.Exists(path))
            return null;
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            if (stream.Length > MaxTextByteLength)
                throw new CheckpointException(
                    path,
                    $"the file is longer than {MaxTextByteLength >> 20} MiB, so it is not what its name says."
                );
            byte[] bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(path, $"the file cannot be read: {failure.Message}", failure);
        }
    }

    /// <summary>As <see cref="TryReadBytes"/>, as text.</summary>
    public string? TryReadText(string name)
    {
        byte[]? bytes = TryReadBytes(name);
        if (bytes is null)
            return null;
        return Encoding.UTF8.GetString(
            bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? bytes.AsSpan(Encoding.UTF8.Preamble.Length) : bytes
        );
    }

    /// <summary>Reads a JSON file; null if it is not there.</summary>
    /// <exception cref="CheckpointException">It cannot be read, or is no JSON object.</exception>
    public Settings? TryReadSettings(string name)
    {
        byte[]? bytes = TryReadBytes(name);
        if (bytes is null)
            return null;
        string path = PathOf(name);
        if (!Utf8.IsValid(bytes))
            throw new CheckpointException(path, "the file is damaged: it is not valid UTF-8.");
        try
        {
            ReadOnlyMemory<byte> json = bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble)
                ? bytes.AsMemory(Encoding.UTF8.Preamble.Length)
                : bytes;
            JsonElement root = JsonDocument.Parse(json, Lenient).RootElement;
            if (root.ValueKind == JsonValueKind.Object)
                return new Settings(path, root);
        }
        catch (JsonException failure)
        {
            throw new CheckpointException(path, $"the file is not valid JSON (line {failure.LineNumber + 1}).", failure);
        }

        throw new CheckpointException(path, "the file holds no JSON object.");
    }

    /// <summary>As <see cref="TryReadSettings"/>, for a file that must be there.</summary>
    public Settings ReadSettings(string name) => TryReadSettings(name) ?? throw new CheckpointException(FullPath, $"{name} is missing.");

    /// <summary>A text of a file as a message may show it: short, and without control characters.</summary>
    public static string Shown(string text)
    {
        string clean = string.Concat(text.Take(80).Select(static letter => char.IsControl(letter) ? '?' : letter));
        return text.Length > 80 ? clean + "…" : clean;
    }

    private string[] ListFiles()
    {
        try
        {
            return
            [
                .. Directory.EnumerateFiles(FullPath).Select(static path => System.IO.Path.GetFileName(path)).Order(StringComparer.Ordinal),
            ];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(FullPath, $"the folder cannot be read: {failure.Message}", failure);
        }
    }
}
