using System.Buffers.Binary;
using System.Text;
using Tessera.Shared;

namespace Tessera.Catalog;

/// <summary>
/// How far each piece of a file is, written beside the unfinished file about each second, after the bytes that it speaks of. A kill
/// loses at most what came since.
/// </summary>
internal sealed class DownloadState
{
    public const long PieceLength = 16L << 20;
    private const int MostPieces = 1 << 20,
        LongestValidator = 1000;
    private static readonly byte[] Magic = "tessera download 1\n"u8.ToArray();
    private readonly long[] done;

    private DownloadState(long length, string validator, long[] done) => (Length, Validator, this.done) = (length, validator, done);

    /// <summary>The whole file's length.</summary>
    public long Length { get; }

    /// <summary>What tells this version of the file from another: a strong ETag, or a digest.</summary>
    public string Validator { get; }

    public int PieceCount => done.Length;

    public long DoneBytes
    {
        get
        {
            lock (done)
                return done.Sum();
        }
    }

    public static DownloadState Begin(long length, string validator) =>
        new(length, validator, new long[(length + PieceLength - 1) / PieceLength]);

    /// <summary>What is left of a piece.</summary>
    public (long First, long End) Left(int piece)
    {
        lock (done)
            return ((piece * PieceLength) + done[piece], Math.Min(Length, (piece + 1) * PieceLength));
    }

    /// <summary>More of a piece is on the disk.</summary>
    public void Add(int piece, int count)
    {
        lock (done)
            done[piece] += count;
    }

    /// <summary>Reads the state; null where there is none, or none of this file.</summary>
    public static DownloadState? TryRead(string path)
    {
        try
        {
            if (!File.Exists(path) || new FileInfo(path).Length > Magic.Length + 24 + LongestValidator + (8L * MostPieces))
                return null;
            return Parse(File.ReadAllBytes(path));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    public void Write(string path)
    {
        byte[] validator = Encoding.UTF8.GetBytes(Validator);
        byte[] bytes = new byte[Magic.Length + 12 + validator.Length + (8 * done.Length)];
        Magic.CopyTo(bytes, 0);
        Span<byte> rest = bytes.AsSpan(Magic.Length);
        BinaryPrimitives.WriteInt64LittleEndian(rest, Length);
        BinaryPrimitives.WriteInt32LittleEndian(rest[8..], validator.Length);
        validator.CopyTo(rest[12..]);
        rest = rest[(12 + validator.Length)..];
        lock (done)
            for (int piece = 0; piece < done.Length; piece++)
                BinaryPrimitives.WriteInt64LittleEndian(rest[(8 * piece)..], done[piece]);
        WholeFile.Write(path, stream => stream.Write(bytes), isDurable: false);
    }

    private static DownloadState? Parse(ReadOnlySpan<byte> bytes)
    {
        if (!bytes.StartsWith(Magic) || bytes.Length < Magic.Length + 12)
            return null;
        bytes = bytes[Magic.Length..];
        long length = BinaryPrimitives.ReadInt64LittleEndian(bytes);
        int validatorLength = BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]);
        bytes = bytes[12..];
        if (length < 1 || validatorLength is < 0 or > LongestValidator || validatorLength > bytes.Length)
            return null;
        string validator = Encoding.UTF8.GetString(bytes[..validatorLength]);
        bytes = bytes[validatorLength..];
        long count = ((length - 1) / PieceLength) + 1;
        if (count > MostPieces || bytes.Length != count * 8)
            return null;
        var state = Begin(length, validator);
        for (int piece = 0; piece < count; piece++)
        {
            long value = BinaryPrimitives.ReadInt64LittleEndian(bytes[(8 * piece)..]);
            (long first, long end) = state.Left(piece);
            if (value < 0 || value > end - first)
                return null;
            state.done[piece] = value;
        }

        return state;
    }
}
