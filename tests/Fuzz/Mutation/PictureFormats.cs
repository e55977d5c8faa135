using System.Buffers.Binary;

namespace Tessera.Fuzz.Mutation;

/// <summary>
/// Takes picture files apart into the pieces that their formats are made of, and puts pieces together with lengths and checksums that
/// fit.
/// </summary>
internal static class PictureFormats
{
    /// <summary>The pieces of a file; one piece where the format has none that can be moved.</summary>
    public static List<byte[]> Split(byte[] file) =>
        LayoutOf(file) switch
        {
            PictureLayout.Png => SplitPng(file),
            PictureLayout.Jpeg => SplitJpeg(file),
            PictureLayout.Riff => SplitRiff(file),
            PictureLayout.Gif => SplitGif(file),
            PictureLayout.Boxes => SplitBoxes(file),
            _ => [file],
        };

    /// <summary>A file of the kind that an original is, of other pieces.</summary>
    public static byte[] Join(byte[] original, List<byte[]> pieces) =>
        LayoutOf(original) switch
        {
            PictureLayout.Png => [.. original[..8], .. pieces.SelectMany(PngChunk)],
            PictureLayout.Jpeg => [0xFF, 0xD8, .. pieces.SelectMany(JpegSegment)],
            PictureLayout.Riff => JoinRiff(pieces),
            PictureLayout.Boxes => [.. pieces.SelectMany(Box)],
            _ => [.. pieces.SelectMany(static piece => piece)],
        };

    public static PictureLayout LayoutOf(byte[] file) =>
        file switch
        {
            [0x89, 0x50, ..] => PictureLayout.Png,
            [0xFF, 0xD8, ..] => PictureLayout.Jpeg,
            [(byte)'R', (byte)'I', (byte)'F', (byte)'F', ..] => PictureLayout.Riff,
            [(byte)'G', (byte)'I', (byte)'F', ..] => PictureLayout.Gif,
            [_, _, _, _, (byte)'f', (byte)'t', (byte)'y', (byte)'p', ..] => PictureLayout.Boxes,
            [(byte)'I', (byte)'I', ..] or [(byte)'M', (byte)'M', ..] => PictureLayout.Tiff,
            _ => PictureLayout.Other,
        };

    // A piece of PNG: type and data. Length and CRC are made anew.
    private static List<byte[]> SplitPng(byte[] file)
    {
        var pieces = new List<byte[]>();
        for (int at = 8; at + 12 <= file.Length; )
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at));
            pieces.Add(file[(at + 4)..(at + 8 + length)]);
            at += 12 + length;
        }

        return pieces;
    }

    private static byte[] PngChunk(byte[] piece)
    {
        var chunk = new byte[piece.Length + 8];
        BinaryPrimitives.WriteInt32BigEndian(chunk, Math.Max(0, piece.Length - 4));
        piece.CopyTo(chunk, 4);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(piece.Length + 4), Crc32(piece));
        return chunk;
    }

    // ISO 3309, as PNG wants it.
    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB8_8320 : crc >> 1;
        }

        return ~crc;
    }

    // A piece of JPEG: marker and data; the scan's coded data go with its marker.
    private static List<byte[]> SplitJpeg(byte[] file)
    {
        var pieces = new List<byte[]>();
        int at = 2;
        while (at + 4 <= file.Length && file[at + 1] != 0xDA)
        {
            int length = BinaryPrimitives.ReadUInt16BigEndian(file.AsSpan(at + 2));
            pieces.Add([file[at], file[at + 1], .. file[(at + 4)..(at + 2 + length)]]);
            at += 2 + length;
        }

        pieces.Add(file[at..]);
        return pieces;
    }

    private static byte[] JpegSegment(byte[] piece)
    {
        if (piece.Length < 2 || piece[1] is 0xDA or 0xD9)
            return piece;
        int length = Math.Min(piece.Length, ushort.MaxValue);
        return [piece[0], piece[1], (byte)(length >> 8), (byte)length, .. piece[2..]];
    }

    private static List<byte[]> SplitRiff(byte[] file)
    {
        var pieces = new List<byte[]>();
        for (int at = 12; at + 8 <= file.Length; )
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at + 4));
            pieces.Add([.. file[at..(at + 4)], .. file[(at + 8)..Math.Min(file.Length, at + 8 + length)]]);
            at += 8 + length + (length & 1);
        }

        return pieces;
    }

    private static byte[] JoinRiff(List<byte[]> pieces)
    {
        byte[] body =
        [
            .. pieces
                .Where(static piece => piece.Length >= 4)
                .SelectMany(static piece =>
                    (byte[])[.. piece[..4], .. BitConverter.GetBytes(piece.Length - 4), .. piece[4..], .. new byte[piece.Length & 1]]
                ),
        ];
        return [.. "RIFF"u8, .. BitConverter.GetBytes(body.Length + 4), .. "WEBP"u8, .. body];
    }

    // A piece of GIF: the header with its colours, or a block with its sub-blocks.
    private static List<byte[]> SplitGif(byte[] file)
    {
        int at = 13 + ((file[10] & 0x80) != 0 ? 3 << ((file[10] & 7) + 1) : 0);
        List<byte[]> pieces = [file[..at]];
        while (at < file.Length)
        {
            int start = at;
            if (file[at] == 0x21)
                at += 2;
            else if (file[at] == 0x2C)
                at += 11 + ((file[at + 9] & 0x80) != 0 ? 3 << ((file[at + 9] & 7) + 1) : 0);
            else
                break;
            while (at < file.Length && file[at] != 0)
                at += 1 + file[at];
            pieces.Add(file[start..Math.Min(file.Length, ++at)]);
        }

        if (at < file.Length)
            pieces.Add(file[at..]);
        return pieces;
    }

    // A piece of AVIF: type and data of an outermost box.
    private static List<byte[]> SplitBoxes(byte[] file)
    {
        var pieces = new List<byte[]>();
        for (int at = 0; at + 8 <= file.Length; )
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at));
            if (length < 8 || at + length > file.Length)
                length = file.Length - at;
            pieces.Add(file[(at + 4)..(at + length)]);
            at += length;
        }

        return pieces;
    }

    private static byte[] Box(byte[] piece)
    {
        var box = new byte[piece.Length + 4];
        BinaryPrimitives.WriteInt32BigEndian(box, box.Length);
        piece.CopyTo(box, 4);
        return box;
    }
}

/// <summary>How a picture's file is built.</summary>
internal enum PictureLayout
{
    Other,
    Png,
    Jpeg,
    Riff,
    Gif,
    Tiff,
    Boxes,
}
