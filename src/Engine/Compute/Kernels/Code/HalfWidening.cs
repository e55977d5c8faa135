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
        {
            var call = new HalvesCall
            {
                Source = source,
                Target = target,
                Count = count,
            };
            Kernel(&call);
        }

        return count;
    }

    // Null where the processor, the user or the system has none, or where it is wrong.
    private static delegate* unmanaged<HalvesCall*, void> Passing()
    {
        if (KernelLevels.Allowed < KernelLevel.Avx2 || !KernelCode.IsAllowed)
            return null;
        var kernel = (delegate* unmanaged<HalvesCall*, void>)KernelCode.Entry(MachineCodeKernel.WidenHalves);
        ushort* halves = stackalloc ushort[HalvesCall.AtOnce];
        float* singles = stackalloc float[HalvesCall.AtOnce];
        for (int index = 0; index < HalvesCall.AtOnce; index++)
            halves[index] = (ushort)(index * 0x1111);
        var call = new HalvesCall
        {
            Source = halves,
            Target = singles,
            Count = HalvesCall.AtOnce,
        };
        kernel(&call);
        for (int index = 0; index < HalvesCall.AtOnce; index++)
        {
            if (!singles[index].Equals((float)BitConverter.UInt16BitsToHalf(halves[index])))
                return null;
        }

        return kernel;
    }
}
