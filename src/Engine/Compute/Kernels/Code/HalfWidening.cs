namespace Tessera.Compute.Kernels.Code;

/// <summary>Half precision to single by the processor's own instruction (F16C), which .NET has no name for.</summary>
internal static unsafe class HalfWidening
{
    private static readonly delegate* unmanaged<HalvesCall*, void> Kernel = Passing();

    /// <summary>Widens as many halves as the kernel takes, exactly; returns how many: none where there is no kernel.</summary>
    public static int Widen(ReadOnlySpan<ushort> halves, Span<float> singles)
    {
        int count = Math.Min(halves.Length, singles.Length) / HalvesCall.AtOnce * HalvesCall.AtOnce;
        if (count == 0 || Kernel == null)
            return 0;
        fixed (ushort* source = halves)
        fixed (float* target = singles)
            Widen(Kernel, source, target, count, rows: 1, stride: 0);
        return count;
    }

    /// <summary>Widens rows, if the kernel can: exactly, one behind the other.</summary>
    /// <param name="source">The first row.</param>
    /// <param name="stride">Bytes from a row to the next.</param>
    /// <param name="rows">How many.</param>
    /// <param name="count">Halves of a row.</param>
    /// <param name="target">Gets them.</param>
    public static bool TryWiden(ushort* source, nint stride, int rows, int count, float* target)
    {
        if (Kernel == null || count % HalvesCall.AtOnce != 0 || count == 0 || rows == 0)
            return false;
        Widen(Kernel, source, target, count, rows, stride);
        return true;
    }

    private static void Widen(
        delegate* unmanaged<HalvesCall*, void> kernel,
        ushort* source,
        float* target,
        int count,
        int rows,
        nint stride
    )
    {
        var call = new HalvesCall
        {
            Source = source,
            Target = target,
            Count = count,
            Rows = rows,
            Stride = stride,
        };
        kernel(&call);
    }

    // Null where the processor, the user or the system has none, or where it is wrong.
    private static delegate* unmanaged<HalvesCall*, void> Passing()
    {
        const int Rows = 2;
        if (KernelLevels.Allowed < KernelLevel.Avx2 || !KernelCode.IsAllowed)
            return null;
        var kernel = (delegate* unmanaged<HalvesCall*, void>)KernelCode.Entry(MachineCodeKernel.WidenHalves);
        ushort* halves = stackalloc ushort[HalvesCall.AtOnce];
        float* singles = stackalloc float[Rows * HalvesCall.AtOnce];
        for (int index = 0; index < HalvesCall.AtOnce; index++)
            halves[index] = (ushort)(index * 0x1111);
        // The same row twice.
        Widen(kernel, halves, singles, HalvesCall.AtOnce, Rows, stride: 0);
        for (int index = 0; index < Rows * HalvesCall.AtOnce; index++)
        {
            if (!singles[index].Equals((float)BitConverter.UInt16BitsToHalf(halves[index % HalvesCall.AtOnce])))
                return null;
        }

        return kernel;
    }
}
