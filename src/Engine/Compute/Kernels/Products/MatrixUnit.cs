using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Tessera.Compute.Kernels.Code;
using Tessera.Native;

namespace Tessera.Compute.Kernels.Products;

/// <summary>One step of <see cref="MatrixUnit.Multiply"/>: addresses, and lengths in bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MatrixUnitCall
{
    /// <summary>Tiles of the first 16 rows and of the next 16.</summary>
    public byte* A0,
        A1;

    /// <summary>Tiles of the first 16 columns; <see cref="B1"/> has the next 16.</summary>
    public byte* B0;

    /// <summary>The sums' first of 32 rows, of 32 floats each, and the distance between rows.</summary>
    public float* Sums;
    public nint SumStride;

    /// <summary>Tiles, each 32 elements deep; at least 1.</summary>
    public nint TileCount;

    /// <summary>Whether to add to the sums; else they are overwritten.</summary>
    public nint AddsToSums;

    public byte* B1;
}

/// <summary>
/// The matrix units (AMX) of Intel's processors since Sapphire Rapids: products of tiles of bfloat16, summed in single precision.
/// Denormal numbers count as zero.
/// </summary>
internal static unsafe class MatrixUnit
{
    /// <summary>Rows of an operand's tile, and columns of a sum's.</summary>
    public const int TileRows = 16;

    /// <summary>Rows and columns of the sums of one <see cref="Multiply"/>.</summary>
    public const int Block = 2 * TileRows;

    /// <summary>Elements of a tile's row: those of one step of the products.</summary>
    public const int TileDepth = 32;
    public const int TileBytes = TileRows * TileDepth * sizeof(ushort);

    /// <summary>Length of a thread's configuration.</summary>
    public const int ConfigurationBytes = 64;

    private static readonly byte* Code = Start();
    private static readonly delegate* unmanaged<byte*, void> ConfigureCode = (delegate* unmanaged<byte*, void>)Code;
    private static readonly delegate* unmanaged<byte*, void> SaveCode = (delegate* unmanaged<byte*, void>)(Code + ConfigurationBytes);
    private static readonly delegate* unmanaged<MatrixUnitCall*, void> MultiplyCode = (delegate* unmanaged<MatrixUnitCall*, void>)(
        Code + 2 * ConfigurationBytes
    );

    /// <summary>Whether this processor has the units, the system allows them, and the packing has its vectors.</summary>
    public static bool IsSupported => Code != null;

    /// <summary>Makes the units ready for this thread, which must end with <see cref="Leave"/>.</summary>
    /// <param name="previous">Gets the configuration before: ggml configures a thread once and counts on it.</param>
    public static void Enter(byte* previous)
    {
        SaveCode(previous);
        // Palette 1; eight tiles of 16 rows of 64 bytes each.
        byte* configuration = stackalloc byte[ConfigurationBytes];
        new Span<byte>(configuration, ConfigurationBytes).Clear();
        configuration[0] = 1;
        for (int tile = 0; tile < 8; tile++)
        {
            ((ushort*)(configuration + 16))[tile] = TileDepth * sizeof(ushort);
            configuration[48 + tile] = TileRows;
        }

        ConfigureCode(configuration);
    }

    /// <summary>Restores what was before <see cref="Enter"/>.</summary>
    public static void Leave(byte* previous) => ConfigureCode(previous);

    /// <summary>32 x 32 sums of products of two tiles' rows by two tiles' columns; between <see cref="Enter"/> and
    /// <see cref="Leave"/>.</summary>
    public static void Multiply(MatrixUnitCall* call) => MultiplyCode(call);

    private static byte* Start()
    {
        if (KernelLevels.Allowed < KernelLevel.Amx || !OperatingSystem.IsLinux() || !Avx512BW.IsSupported || !HasUnits())
            return null;
        if (SysSyscall.syscall(SysSyscall.SYS_arch_prctl, SysSyscall.ARCH_REQ_XCOMP_PERM, SysSyscall.ARCH_XCOMP_TILEDATA) != 0)
            return null;
        nuint length = (nuint)Environment.SystemPageSize;
        nint page = SysMman.mmap(0, length, SysMman.PROT_READ | SysMman.PROT_WRITE, SysMman.MAP_PRIVATE | SysMman.MAP_ANONYMOUS, -1, 0);
        if (page == SysMman.MAP_FAILED)
            return null;
        MatrixUnitCode.Configure().CopyTo(new Span<byte>((byte*)page, ConfigurationBytes));
        MatrixUnitCode.Save().CopyTo(new Span<byte>((byte*)page + ConfigurationBytes, ConfigurationBytes));
        MatrixUnitCode.Multiply().CopyTo(new Span<byte>((byte*)page + 2 * ConfigurationBytes, (int)length - 2 * ConfigurationBytes));
        if (SysMman.mprotect(page, length, SysMman.PROT_READ | SysMman.PROT_EXEC) == 0)
            return (byte*)page;
        _ = SysMman.munmap(page, length);
        return null;
    }

    // CPUID leaf 7: AMX-BF16 is bit 22 of EDX, AMX-TILE bit 24.
    private static bool HasUnits()
    {
        const int Leaf = 7,
            Units = 1 << 22 | 1 << 24;
        return X86Base.X64.IsSupported && X86Base.CpuId(0, 0).Eax >= Leaf && (X86Base.CpuId(Leaf, 0).Edx & Units) == Units;
    }
}
