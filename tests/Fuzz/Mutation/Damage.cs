using System.Buffers.Binary;

namespace Tessera.Fuzz.Mutation;

/// <summary>
/// Damage that knows nothing of a format: changed bits and bytes, numbers at the ends of their ranges, cut and moved pieces.
/// </summary>
internal static class Damage
{
    private static readonly ulong[] Extremes =
    [
        0,
        1,
        2,
        0x7F,
        0x80,
        0xFF,
        0x7FFF,
        0x8000,
        0xFFFF,
        0x10000,
        0x7FFF_FFFF,
        0x8000_0000,
        0xFFFF_FFFF,
        1UL << 32,
        1UL << 40,
        long.MaxValue,
        1UL << 63,
        ulong.MaxValue,
    ];

    public static T Pick<T>(this Random random, IReadOnlyList<T> values) => values[random.Next(values.Count)];

    public static bool OneIn(this Random random, int count) => random.Next(count) == 0;

    /// <summary>A number at the end of some range, or near an old one.</summary>
    public static ulong Number(this Random random, ulong old) =>
        random.Next(8) switch
        {
            0 => old + 1,
            1 => old - 1,
            2 => old * 2,
            3 => old / 2,
            4 => (ulong)random.Next(16),
            _ => random.Pick(Extremes),
        };

    /// <summary>Changes a copy in one to three places, and cuts one in ten.</summary>
    /// <param name="original">What stays as it is.</param>
    /// <param name="random">Decides.</param>
    /// <param name="interesting">How many of the first bytes are changed more often than others.</param>
    public static byte[] Copy(ReadOnlySpan<byte> original, Random random, int interesting = int.MaxValue)
    {
        byte[] copy = original.ToArray();
        for (int changes = random.Next(1, 4); changes > 0 && copy.Length > 0; changes--)
            Once(copy, random, interesting);
        return random.OneIn(10) ? copy[..random.Next(copy.Length + 1)] : copy;
    }

    /// <summary>Changes one place of some bytes.</summary>
    public static void Once(Span<byte> bytes, Random random, int interesting = int.MaxValue)
    {
        if (bytes.IsEmpty)
            return;
        int reach = random.Next(4) > 0 ? Math.Min(interesting, bytes.Length) : bytes.Length;
        int position = random.Next(reach);
        switch (random.Next(6))
        {
            case 0:
                bytes[position] = (byte)random.Next(256);
                break;
            case 1:
                bytes[position] ^= (byte)(1 << random.Next(8));
                break;
            case 2:
                bytes[position] += (byte)(random.Next(2) == 0 ? 1 : 255);
                break;
            case 3:
                Move(bytes, position, random);
                break;
            default:
                Field(bytes[position..], random);
                break;
        }
    }

    /// <summary>Writes a number of 2, 4 or 8 bytes of either order where one may stand.</summary>
    public static void Field(Span<byte> bytes, Random random)
    {
        bool isLittle = random.Next(2) == 0;
        int width = 2 << random.Next(3);
        if (bytes.Length < width)
            width =
                bytes.Length >= 4 ? 4
                : bytes.Length >= 2 ? 2
                : 0;
        switch (width)
        {
            case 2:
                ulong old = isLittle ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);
                if (isLittle)
                    BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)random.Number(old));
                else
                    BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)random.Number(old));
                break;
            case 4:
                old = isLittle ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : BinaryPrimitives.ReadUInt32BigEndian(bytes);
                if (isLittle)
                    BinaryPrimitives.WriteUInt32LittleEndian(bytes, (uint)random.Number(old));
                else
                    BinaryPrimitives.WriteUInt32BigEndian(bytes, (uint)random.Number(old));
                break;
            case 8:
                BinaryPrimitives.WriteUInt64LittleEndian(bytes, random.Number(BinaryPrimitives.ReadUInt64LittleEndian(bytes)));
                break;
            default:
                if (bytes.Length > 0)
                    bytes[0] = (byte)random.Next(256);
                break;
        }
    }

    private static void Move(Span<byte> bytes, int from, Random random)
    {
        int to = random.Next(bytes.Length);
        int length = Math.Min(random.Next(1, 64), bytes.Length - Math.Max(from, to));
        bytes.Slice(from, length).ToArray().CopyTo(bytes[to..]);
    }

    /// <summary>Takes away, doubles, swaps or repeats parts of a list.</summary>
    public static void Rearrange<T>(List<T> parts, Random random)
    {
        if (parts.Count == 0)
            return;
        int index = random.Next(parts.Count),
            other = random.Next(parts.Count);
        switch (random.Next(5))
        {
            case 0:
                parts.RemoveAt(index);
                break;
            case 1:
                parts.Insert(other, parts[index]);
                break;
            case 2:
                (parts[index], parts[other]) = (parts[other], parts[index]);
                break;
            case 3:
                parts.InsertRange(index, Enumerable.Repeat(parts[index], random.Next(1, 40)));
                break;
            default:
                parts.RemoveRange(index, random.Next(parts.Count - index));
                break;
        }
    }
}
