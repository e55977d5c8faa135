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

    /// <summary>Bytes of a manifest: more than a person reads in a life.</summary>
    public const long LargestManifest = 1 << 24;

    private readonly FileStream file;
    private readonly ZipArchive archive;
    private long left;

    private ChatArchive(FileStream file)
    {
        this.file = file;
        // Entries that share their bytes would be more than the file.
        left = file.Length;
        RequireSmallDirectory(file);
        archive = new ZipArchive(file, ZipArchiveMode.Read);
    }

    /// <exception cref="InvalidDataException">It is no such archive.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static ChatArchive Open(string path)
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
            return new ChatArchive(file);
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
    public static void Write(string path, IReadOnlyDictionary<string, byte[]> entries) =>
        WholeFile.Write(
            path,
            stream =>
            {
                using var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
                foreach ((string name, byte[] bytes) in entries)
                {
                    using Stream entry = archive.CreateEntry(name, CompressionLevel.NoCompression).Open();
                    entry.Write(bytes);
                }
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
        stream.ReadExactly(bytes);
        return bytes;
    }

    public void Dispose()
    {
        archive.Dispose();
        file.Dispose();
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
