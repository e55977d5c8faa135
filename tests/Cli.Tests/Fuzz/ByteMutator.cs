using System.Buffers.Binary;

namespace Tessera.Cli.Tests.Fuzz;

/// <summary>Damages the header of a file: changed bytes, planted extreme numbers, cut ends. The same seed gives the same copy.</summary>
internal sealed class ByteMutator(string original, int headerLength)
{
    private static readonly ulong[] Extremes = [0, 1, 0x7F, 0xFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1UL << 40, long.MaxValue, ulong.MaxValue];
    private readonly byte[] bytes = File.ReadAllBytes(original);

    public void Write(string path, int seed)
    {
        var random = new Random(seed);
        byte[] copy = [.. bytes];
        for (int changes = random.Next(1, 4); changes > 0; changes--) ChangeOnce(copy, random);
        File.WriteAllBytes(path, random.Next(10) == 0 ? copy[..random.Next(copy.Length)] : copy);
    }

    private void ChangeOnce(byte[] copy, Random random)
    {
        int position = random.Next(Math.Min(headerLength, copy.Length) - sizeof(ulong));
        ulong extreme = Extremes[random.Next(Extremes.Length)];
        switch (random.Next(4))
        {
            case 0: copy[position] = (byte)random.Next(256); break;
            case 1: copy[position] ^= (byte)(1 << random.Next(8)); break;
            case 2: BinaryPrimitives.WriteUInt32LittleEndian(copy.AsSpan(position), (uint)extreme); break;
            default: BinaryPrimitives.WriteUInt64LittleEndian(copy.AsSpan(position), extreme); break;
        }
    }
}
