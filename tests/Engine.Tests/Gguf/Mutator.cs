using System.Buffers.Binary;

namespace Tessera.Engine.Tests.Gguf;

/// <summary>Makes damaged copies of a file: changed bytes, planted extreme numbers, moved pieces, cut ends.</summary>
internal sealed class Mutator(byte[] original, int changeableLength, int seed)
{
    private static readonly ulong[] Extremes =
    [
        0,
        1,
        0x7F,
        0x80,
        0xFF,
        0x7FFF_FFFF,
        0x8000_0000,
        0xFFFF_FFFF,
        1UL << 32,
        1UL << 40,
        long.MaxValue,
        1UL << 63,
        ulong.MaxValue,
    ];

    private readonly Random random = new(seed);

    /// <summary>The next damaged copy; the same seed gives the same copies.</summary>
    public byte[] Next()
    {
        byte[] copy = [.. original];
        for (int changes = random.Next(1, 4); changes > 0; changes--)
            ChangeOnce(copy);
        return random.Next(8) == 0 ? copy[..random.Next(1, copy.Length)] : copy;
    }

    private void ChangeOnce(byte[] copy)
    {
        int position = random.Next(changeableLength - sizeof(ulong));
        ulong extreme = Extremes[random.Next(Extremes.Length)];
        switch (random.Next(5))
        {
            case 0:
                copy[position] = (byte)random.Next(256);
                break;
            case 1:
                copy[position] ^= (byte)(1 << random.Next(8));
                break;
            case 2:
                BinaryPrimitives.WriteUInt32LittleEndian(copy.AsSpan(position), (uint)extreme);
                break;
            case 3:
                BinaryPrimitives.WriteUInt64LittleEndian(copy.AsSpan(position), extreme);
                break;
            default:
                MovePiece(copy, position);
                break;
        }
    }

    private void MovePiece(byte[] copy, int from)
    {
        int to = random.Next(changeableLength);
        int length = Math.Min(random.Next(1, 64), changeableLength - Math.Max(from, to));
        copy.AsSpan(from, length).CopyTo(copy.AsSpan(to));
    }
}
