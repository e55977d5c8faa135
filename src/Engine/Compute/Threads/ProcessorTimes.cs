using System.Globalization;
using Tessera.Native;

namespace Tessera.Compute.Threads;

/// <summary>Time that processors were at work since some beginning, summed over all of them.</summary>
/// <param name="Busy">For anybody, time that a hypervisor took away included.</param>
/// <param name="Own">For this process.</param>
internal readonly record struct ProcessorTimes(TimeSpan Busy, TimeSpan Own)
{
    private const int TicksPerSecond = 100;

    /// <summary>As the system tells it; null where it does not.</summary>
    public static ProcessorTimes? Read() => ReadBusy() is { } busy ? new ProcessorTimes(busy, Environment.CpuUsage.TotalTime) : null;

    /// <summary>The busy time in the text of Linux's <c>/proc/stat</c> (proc_stat(5)); null if it is something else.</summary>
    public static TimeSpan? Parse(string statistics)
    {
        string[] columns = statistics.Split('\n', 2)[0].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        // cpu, user, nice, system, idle, iowait, irq, softirq, steal; what guests took is part of user and nice.
        if (columns.Length < 9 || columns[0] != "cpu")
            return null;
        double ticks = 0;
        foreach (int column in (ReadOnlySpan<int>)[1, 2, 3, 6, 7, 8])
        {
            if (!ulong.TryParse(columns[column], NumberStyles.None, CultureInfo.InvariantCulture, out ulong value))
                return null;
            ticks += value;
        }

        return Seconds(ticks / TicksPerSecond);
    }

    private static unsafe TimeSpan? ReadBusy()
    {
        if (OperatingSystem.IsWindows())
        {
            long idle,
                kernel,
                user;
            // Idle time is part of the kernel's; both in 100 ns, as a TimeSpan counts.
            return ProcessThreadsApi.GetSystemTimes(&idle, &kernel, &user) != 0 ? new TimeSpan(kernel + user - idle) : null;
        }

        if (OperatingSystem.IsMacOS())
        {
            uint* load = stackalloc uint[MachHost.HOST_CPU_LOAD_INFO_COUNT];
            uint count = MachHost.HOST_CPU_LOAD_INFO_COUNT;
            if (MachHost.host_statistics(MachHost.mach_host_self(), MachHost.HOST_CPU_LOAD_INFO, load, &count) != 0)
                return null;
            return Seconds(
                ((double)load[MachHost.CPU_STATE_USER] + load[MachHost.CPU_STATE_SYSTEM] + load[MachHost.CPU_STATE_NICE]) / TicksPerSecond
            );
        }

        try
        {
            return OperatingSystem.IsLinux() ? Parse(File.ReadAllText("/proc/stat")) : null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static TimeSpan? Seconds(double seconds) => seconds < TimeSpan.MaxValue.TotalSeconds ? TimeSpan.FromSeconds(seconds) : null;
}
