using System.Globalization;

namespace Tessera.Compute;

/// <summary>The memory of this machine.</summary>
internal static class MachineMemory
{
    /// <summary>Memory of this machine that programs can still have, in bytes; where the system does not tell, half of all.</summary>
    public static long Free()
    {
        long granted = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes; // less than there is, in a container
        return FreeOnLinux() is { } free ? Math.Min(free, granted) : granted / 2;
    }

    /// <summary>Memory of this machine that a model may take, in bytes: what is free, or where the system does not tell, nine tenths of
    /// all.</summary>
    public static long Usable()
    {
        long granted = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        return FreeOnLinux() is { } free ? Math.Min(free, granted) : granted / 10 * 9;
    }

    /// <summary>Memory that is free as Linux tells it, in bytes, where ggml calls all of a processor's free; null on other
    /// systems.</summary>
    public static long? FreeOnLinux()
    {
        const string Name = "MemAvailable:";
        if (!OperatingSystem.IsLinux())
            return null;
        string? line = File.ReadLines("/proc/meminfo").FirstOrDefault(static line => line.StartsWith(Name, StringComparison.Ordinal));
        return line is null
            ? null
            : long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;
    }
}
