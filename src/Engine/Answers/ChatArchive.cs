using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using Tessera.Shared;

namespace Tessera.Answers;

/// <summary>
/// The file of a saved conversation: a ZIP archive, stored uncompressed so that its entries cannot be larger than the file, with a manifest
/// that holds the digest of every other entry. Whoever wrote it is not trusted: nothing is read that was not asked for, and no more of it
/// than was expected.
/// </summary>
internal sealed class ChatArchive : IDisposable
{
    public const string ManifestName = "session.json";

    // The end record that names the directory's place, as it is without a comment (PKWARE APPNOTE 6.3.10, 4.3.16).
    private const int EndLength = 22,
        DirectoryOffsetPlace = 16;
    private const uint EndSignature = 0x06054B50;

    // ZipArchive holds an object for each entry that the directory names.
    private const long LargestDirectory = 1 << 24;

    // What is read or written between two looks at a cancellation.
    private const int PieceLength = 1 << 20;

    /// <summary>Bytes of a manifest: more than a person reads in a life.</summary>
    public const long LargestManifest = 1 << 24;

    private readonly FileStream file;
    private readonly ZipArchive archive;
    private readonly CancellationToken cancellationToken;
    private long left;

    private ChatArchive(FileStream file, CancellationToken cancellationToken)
    {
        this.file = file;
        this.cancellationToken = cancellationToken;
        // Entries that share their bytes would be more than the file.
        left = file.Length;
        RequireSmallDirectory(file);
        archive = new ZipArchive(file, ZipArchiveMode.Read);
    }

    /// <param name="path">The file.</param>
    /// <param name="cancellationToken">Stops whatever is read of it.</param>
    /// <exception cref="InvalidDataException">It is no such archive.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static ChatArchive Open(string path, CancellationToken cancellationToken = default)
    {
        if (!FileKind.HasContents(path))
            throw new IOException(
                File.Exists(path) ? "it is empty, or is a pipe or device"
                : Directory.Exists(path) ? "it is a folder"
                : "there is no such file"
            );
        var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        try
        {
            return new ChatArchive(file, cancellationToken);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Whether a file is one, of whatever version.</summary>
    public static bool IsOne(string path)
    {
        try
        {
            using ChatArchive archive = Open(path);
            using JsonDocument manifest = JsonDocument.Parse(archive.ReadManifest());
            return manifest.RootElement.ValueKind == JsonValueKind.Object
                && manifest.RootElement.TryGetProperty(nameof(SavedSession.Format), out _);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or InvalidDataException or JsonException)
        {
            return false;
        }
    }

    /// <summary>Writes an archive; it appears whole or not at all.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; nothing was written.</exception>
    public static void Write(string path, IReadOnlyDictionary<string, byte[]> entries, CancellationToken cancellationToken) =>
        WholeFile.Write(
            path,
            stream =>
            {
                using var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
                foreach ((string name, byte[] bytes) in entries)
                {
                    using Stream entry = archive.CreateEntry(name, CompressionLevel.NoCompression).Open();
                    foreach (Range piece in Pieces(bytes.Length))
                    {
                        cancellationToken.ThrowIfCancellationRequested();
                        entry.Write(bytes.AsSpan(piece));
                    }
                }

                cancellationToken.ThrowIfCancellationRequested();
            }
        );

    public static string DigestOf(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <exception cref="InvalidDataException">There is none, or it is too large.</exception>
    public byte[] ReadManifest() => Read(ManifestName, LargestManifest) ?? throw new InvalidDataException();

    /// <summary>Bytes of an entry; null if there is none.</summary>
    public long? LengthOf(string name) => archive.GetEntry(name)?.Length;

    /// <summary>Reads an entry; null if there is none.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="most">Bytes that it may have.</param>
    /// <exception cref="InvalidDataException">It is damaged or has more bytes.</exception>
    public byte[]? Read(string name, long most)
    {
        if (archive.GetEntry(name) is not { } entry)
            return null;
        if (entry.Length != entry.CompressedLength || entry.Length < 0 || entry.Length > Math.Min(most, left))
            throw new InvalidDataException();
        left -= entry.Length;
        var bytes = new byte[entry.Length];
        using Stream stream = entry.Open();
        foreach (Range piece in Pieces(bytes.Length))
        {
            cancellationToken.ThrowIfCancellationRequested();
            stream.ReadExactly(bytes.AsSpan(piece));
        }

        return bytes;
    }

    public void Dispose()
    {
        archive.Dispose();
        file.Dispose();
    }

    private static IEnumerable<Range> Pieces(int length)
    {
        for (int left = length; left > 0; left -= PieceLength)
            yield return (length - left)..(length - Math.Max(0, left - PieceLength));
    }

    private static void RequireSmallDirectory(FileStream file)
    {
        Span<byte> end = stackalloc byte[EndLength];
        if (file.Length < EndLength)
            throw new InvalidDataException();
        file.Position = file.Length - EndLength;
        file.ReadExactly(end);
        long directory = BinaryPrimitives.ReadUInt32LittleEndian(end[DirectoryOffsetPlace..]);
        if (BinaryPrimitives.ReadUInt32LittleEndian(end) != EndSignature || file.Length - directory > LargestDirectory)
            throw new InvalidDataException();
        file.Position = 0;
    }
}
