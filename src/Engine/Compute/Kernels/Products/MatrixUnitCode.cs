using System.Buffers.Binary;

namespace Tessera.Compute.Kernels.Products;

/// <summary>
/// The machine code that drives the matrix units of an x86-64 processor, for which .NET has no intrinsics. Encodings: Intel 64 and
/// IA-32 Architectures Software Developer's Manual, volume 2, LDTILECFG to TILEZERO; the calling convention is System V's.
/// </summary>
internal static class MatrixUnitCode
{
    private const byte Rax = 0,
        Rcx = 1,
        Rdx = 2,
        Rsi = 6,
        Rdi = 7,
        R8 = 8,
        R9 = 9,
        R10 = 10;
    private const int TileBytes = 1024;

    /// <summary>Takes the address of a configuration of 64 bytes and makes it this thread's; that of zeros gives the tiles back.</summary>
    public static byte[] Configure() => [0xc4, 0xe2, 0x78, 0x49, 0x07, 0xc3]; // ldtilecfg [rdi]; ret

    /// <summary>Takes the address of 64 bytes and writes this thread's configuration there.</summary>
    public static byte[] Save() => [0xc4, 0xe2, 0x79, 0x49, 0x07, 0xc3]; // sttilecfg [rdi]; ret

    /// <summary>
    /// Takes the address of a <see cref="MatrixUnitCall"/> and computes its 32 x 32 sums: sums (+)= a * b. Tiles 0 to 3 hold the sums, 4
    /// and 5 two tiles of a, 6 and 7 two of b.
    /// </summary>
    public static byte[] Multiply()
    {
        var code = new List<byte>();
        (byte Register, byte Field)[] fields = [(Rcx, 0), (Rdx, 8), (Rsi, 16), (R8, 24), (R9, 32), (R10, 40)];
        foreach ((byte register, byte field) in fields)
            Load(code, register, field);
        code.AddRange([0x48, 0x83, 0x7f, 48, 0x00]); // cmp qword [rdi + 48], 0
        int toZero = JumpIfEqual(code);
        Sums(code, TileLoad);
        int toLoop = Jump(code);
        Land(code, toZero);
        for (byte tile = 0; tile < 4; tile++)
            code.AddRange([0xc4, 0xe2, 0x7b, 0x49, (byte)(0xc0 | tile << 3)]); // tilezero
        Land(code, toLoop);
        Load(code, Rdi, 56); // b1: what rdi pointed to is no longer needed
        code.AddRange([0xb8, 64, 0, 0, 0]); // mov eax, 64: a row of a tile
        int loop = code.Count;
        Tile(code, TileLoad, 4, Rcx, Rax);
        Tile(code, TileLoad, 6, Rsi, Rax);
        Multiply(code, 0, 4, 6);
        Tile(code, TileLoad, 7, Rdi, Rax);
        Multiply(code, 1, 4, 7);
        Tile(code, TileLoad, 5, Rdx, Rax);
        Multiply(code, 2, 5, 6);
        Multiply(code, 3, 5, 7);
        foreach (byte register in (byte[])[Rcx, Rdx, Rsi, Rdi])
            Advance(code, register, TileBytes);
        code.AddRange([0x49, 0xff, 0xca]); // dec r10
        JumpBackIfNotZero(code, loop);
        Sums(code, TileStore);
        code.Add(0xc3);
        return [.. code];
    }

    private const byte TileLoad = 0x7b,
        TileStore = 0x7a;

    // The four tiles of sums: 16 rows and 16 columns apart; r8 points to the first, r9 is the length of a row.
    private static void Sums(List<byte> code, byte operation)
    {
        code.AddRange([0x4c, 0x89, 0xc8]); // mov rax, r9
        code.AddRange([0x48, 0xc1, 0xe0, 4]); // shl rax, 4
        code.AddRange([0x4c, 0x01, 0xc0]); // add rax, r8
        Tile(code, operation, 0, R8, R9);
        Tile(code, operation, 1, R8, R9, offset: 64);
        Tile(code, operation, 2, Rax, R9);
        Tile(code, operation, 3, Rax, R9, offset: 64);
    }

    // tileloadd or tilestored tile, [start + stride + offset]
    private static void Tile(List<byte> code, byte operation, byte tile, byte start, byte stride, byte offset = 0)
    {
        code.AddRange([0xc4, (byte)(0x82 | (stride < 8 ? 0x40 : 0) | (start < 8 ? 0x20 : 0)), operation, 0x4b]);
        code.AddRange([(byte)(0x40 | tile << 3 | 4), (byte)((stride & 7) << 3 | (start & 7)), offset]);
    }

    // tdpbf16ps sums, a, b
    private static void Multiply(List<byte> code, byte sums, byte a, byte b) =>
        code.AddRange([0xc4, 0xe2, (byte)(0x02 | (~b & 15) << 3), 0x5c, (byte)(0xc0 | sums << 3 | a)]);

    // mov register, [rdi + offset]
    private static void Load(List<byte> code, byte register, byte offset) =>
        code.AddRange([(byte)(register < 8 ? 0x48 : 0x4c), 0x8b, (byte)(0x47 | (register & 7) << 3), offset]);

    // add register, bytes
    private static void Advance(List<byte> code, byte register, int bytes)
    {
        code.AddRange([0x48, 0x81, (byte)(0xc0 | register)]);
        code.AddRange(Int32(bytes));
    }

    private static int JumpIfEqual(List<byte> code)
    {
        code.AddRange([0x74, 0]);
        return code.Count;
    }

    private static int Jump(List<byte> code)
    {
        code.AddRange([0xeb, 0]);
        return code.Count;
    }

    private static void Land(List<byte> code, int jump) => code[jump - 1] = checked((byte)(code.Count - jump));

    private static void JumpBackIfNotZero(List<byte> code, int target)
    {
        code.AddRange([0x0f, 0x85]);
        code.AddRange(Int32(target - (code.Count + sizeof(int))));
    }

    private static byte[] Int32(int value)
    {
        var bytes = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        return bytes;
    }
}
