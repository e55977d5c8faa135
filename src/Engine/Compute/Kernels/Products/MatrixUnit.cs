using System.Runtime.Intrinsics.X86;
using Tessera.Compute.Kernels.Code;
using Tessera.Native;

namespace Tessera.Compute.Kernels.Products;

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

    private static readonly bool IsReady = Start();
    private static readonly delegate* unmanaged<byte*, void> ConfigureCode = (delegate* unmanaged<byte*, void>)
        KernelCode.Entry(MachineCodeKernel.ConfigureUnit);
    private static readonly delegate* unmanaged<byte*, void> SaveCode = (delegate* unmanaged<byte*, void>)
        KernelCode.Entry(MachineCodeKernel.SaveUnit);
    private static readonly delegate* unmanaged<MatrixUnitCall*, void> MultiplyCode = (delegate* unmanaged<MatrixUnitCall*, void>)
        KernelCode.Entry(MachineCodeKernel.MultiplyOnUnit);

    /// <summary>Whether this processor has the units, the system allows them, and the packing has its vectors.</summary>
    public static bool IsSupported => IsReady;

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

    private static bool Start() =>
        KernelLevels.Allowed >= KernelLevel.Amx
        && OperatingSystem.IsLinux()
        && Avx512BW.IsSupported
        && HasUnits()
        && KernelCode.IsAllowed
        && SysSyscall.syscall(SysSyscall.SYS_arch_prctl, SysSyscall.ARCH_REQ_XCOMP_PERM, SysSyscall.ARCH_XCOMP_TILEDATA) == 0;

    // CPUID leaf 7: AMX-BF16 is bit 22 of EDX, AMX-TILE bit 24.
    private static bool HasUnits()
    {
        const int Leaf = 7,
            Units = 1 << 22 | 1 << 24;
        return X86Base.X64.IsSupported && X86Base.CpuId(0, 0).Eax >= Leaf && (X86Base.CpuId(Leaf, 0).Edx & Units) == Units;
    }
}
