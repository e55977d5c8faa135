using System.Buffers.Binary;
using System.IO.Compression;

namespace Tessera.Fuzz.Mutation;

/// <summary>
/// Makes hostile pictures of sound ones: damaged pieces with checksums that fit, pieces of others, and sound pictures of extreme
/// shapes.
/// </summary>
internal sealed class PictureMutator(IReadOnlyList<byte[]> originals)
{
    private const int HeaderLength = 128;

    public byte[] Make(Random random)
    {
        if (random.OneIn(60))
            return Extreme(random);
        byte[] original = random.Pick(originals);
        if (random.OneIn(6))
            return Damage.Copy(original, random, HeaderLength);
        if (PictureFormats.LayoutOf(original) == PictureLayout.Tiff)
            return ChangedTiff([.. original], random);
        List<byte[]> pieces = PictureFormats.Split(original);
        for (int changes = random.Next(1, 4); changes > 0; changes--)
            Change(original, pieces, random);
        return PictureFormats.Join(original, pieces);
    }

    private void Change(byte[] original, List<byte[]> pieces, Random random)
    {
        if (pieces.Count == 0)
            return;
        int index = random.Next(pieces.Count);
        switch (random.Next(8))
        {
            case 0:
                Damage.Rearrange(pieces, random);
                break;
            case 1:
                pieces.Insert(index, Foreign(original, random));
                break;
            case 2 when PictureFormats.LayoutOf(original) == PictureLayout.Png:
                ChangePixels(pieces, random);
                break;
            case 3:
                pieces[index] = [.. pieces[index], .. new byte[random.Next(1, 300)]];
                break;
            default:
                byte[] piece = [.. pieces[index]];
                // The first bytes of most pieces are their kind, and what is not known is passed over.
                int skipped = Math.Min(random.OneIn(10) ? 0 : 4, piece.Length);
                Damage.Once(piece.AsSpan(skipped), random, 48);
                pieces[index] = random.OneIn(12) ? piece[..random.Next(piece.Length + 1)] : piece;
                break;
        }
    }

    // A piece of another picture of this kind.
    private byte[] Foreign(byte[] original, Random random)
    {
        for (int tries = 0; tries < 8; tries++)
        {
            byte[] other = random.Pick(originals);
            if (PictureFormats.LayoutOf(other) == PictureFormats.LayoutOf(original))
                return random.Pick(PictureFormats.Split(other));
        }

        return original[..Math.Min(original.Length, 20)];
    }

    // Inside the compressed stream, which is sound again.
    private static void ChangePixels(List<byte[]> pieces, Random random)
    {
        int index = pieces.FindIndex(static piece => piece.AsSpan().StartsWith("IDAT"u8));
        if (index < 0)
            return;
        try
        {
            using var inflated = new MemoryStream();
            using (var stream = new ZLibStream(new MemoryStream(pieces[index], 4, pieces[index].Length - 4), CompressionMode.Decompress))
                stream.CopyTo(inflated);
            pieces[index] = [.. "IDAT"u8, .. Deflated(Damage.Copy(inflated.ToArray(), random))];
        }
        catch (InvalidDataException)
        {
            // An earlier change was here.
        }
    }

    // Entries of the first directory: tag, type, count, value or offset (TIFF 6.0, section 2).
    private static byte[] ChangedTiff(byte[] file, Random random)
    {
        bool isLittle = file[0] == 'I';
        int directory = Read32(file, 4, isLittle);
        if (directory < 8 || directory + 2 > file.Length)
            return Damage.Copy(file, random, HeaderLength);
        int count = isLittle
            ? BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(directory))
            : BinaryPrimitives.ReadUInt16BigEndian(file.AsSpan(directory));
        for (int changes = random.Next(1, 4); changes > 0; changes--)
        {
            int entry = directory + 2 + (12 * random.Next(Math.Max(1, count)));
            if (entry + 12 > file.Length)
                continue;
            int field = random.Pick((int[])[0, 2, 4, 4, 8, 8, 8]);
            Span<byte> place = file.AsSpan(entry + field, field < 4 ? 2 : 4);
            uint value =
                field == 0 ? (uint)(254 + random.Next(90))
                : field == 2 ? (uint)random.Next(20)
                : (uint)random.Number((ulong)Read32(file, entry + field, isLittle));
            if (place.Length == 4 && isLittle)
                BinaryPrimitives.WriteUInt32LittleEndian(place, value);
            else if (place.Length == 4)
                BinaryPrimitives.WriteUInt32BigEndian(place, value);
            else if (isLittle)
                BinaryPrimitives.WriteUInt16LittleEndian(place, (ushort)value);
            else
                BinaryPrimitives.WriteUInt16BigEndian(place, (ushort)value);
        }

        return file;
    }

    private static int Read32(byte[] file, int at, bool isLittle) =>
        isLittle ? BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at)) : BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at));

    // A whole PNG of one colour, thin, tall or huge; its file stays small.
    private static byte[] Extreme(Random random)
    {
        int width = random.Pick((int[])[1, 2, 7, 500, 65_535, 65_536, 300_000, 1_000_000]);
        int height = random.Pick((int[])[1, 2, 9, 500, 65_535, 65_536, 300_000, 1_000_000]);
        int depth = random.Pick((int[])[1, 8, 16]),
            colour = random.Pick(depth == 1 ? (int[])[0] : [0, 2, 4, 6]);
        int channels = colour switch
        {
            2 => 3,
            4 => 2,
            6 => 4,
            _ => 1,
        };
        long row = 1 + ((((long)width * channels * depth) + 7) / 8);
        // More pixels than are written: the rest is missing.
        var pixels = new byte[Math.Min(row * height, 8_000_000)];
        byte[] header = new byte[17];
        "IHDR"u8.CopyTo(header);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(8), height);
        (header[12], header[13], header[16]) = ((byte)depth, (byte)colour, (byte)random.Next(2));
        byte[] signature = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A];
        return PictureFormats.Join(signature, [header, [.. "IDAT"u8, .. Deflated(pixels)], "IEND"u8.ToArray()]);
    }

    private static byte[] Deflated(byte[] bytes)
    {
        using var stream = new MemoryStream();
        using (var deflate = new ZLibStream(stream, CompressionLevel.Fastest, leaveOpen: true))
            deflate.Write(bytes);
        return stream.ToArray();
    }
}
