namespace Tessera.Compute.Kernels.Code;

/// <summary>The machine code of all kernels, in executable pages from the first use on.</summary>
internal static unsafe class KernelCode
{
    private const int Alignment = 64;
    private static readonly byte* Pages = Place();

    /// <summary>Whether the system lets programs make code.</summary>
    public static bool IsAllowed => Pages != null;

    /// <summary>Where a kernel of the table begins for this system's calling convention; null where the system forbids it.</summary>
    public static nint Entry(MachineCodeKernel kernel) =>
        Pages == null ? 0 : (nint)Pages + Offset(kernel) + (OperatingSystem.IsWindows() ? MachineCode.EntryForWindows(kernel) : 0);

    private static int Offset(MachineCodeKernel kernel)
    {
        int offset = 0;
        for (MachineCodeKernel before = default; before < kernel; before++)
            offset += Aligned(MachineCode.Of(before).Length);
        return offset;
    }

    private static byte* Place()
    {
        if (!Tessera.Native.ProcessorLevel.HasAvx2 || nint.Size != sizeof(long))
            return null;
        MachineCodeKernel[] kernels = Enum.GetValues<MachineCodeKernel>();
        var code = new byte[Offset(kernels[^1]) + MachineCode.Of(kernels[^1]).Length];
        foreach (MachineCodeKernel kernel in kernels)
            MachineCode.Of(kernel).CopyTo(code.AsSpan(Offset(kernel)));
        return ExecutableMemory.Place(code);
    }

    private static int Aligned(int length) => (length + Alignment - 1) / Alignment * Alignment;
}
