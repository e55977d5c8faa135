using Tessera.Native;

namespace Tessera.Compute;

/// <summary>Runs work on a GPU that may be lost meanwhile; <see cref="GpuCalls"/>.</summary>
internal static class GpuTasks
{
    /// <summary>Runs work, and waits for it.</summary>
    /// <exception cref="NativeLibraryException">The GPU was lost, now or earlier.</exception>
    public static T Run<T>(Func<T> work) => GpuCalls.Run(work);

    /// <summary>Memory of all GPUs that is free now, in bytes; 0 where there is none.</summary>
    public static long FreeBytes => GpuDevices.Usable.Sum(GpuDevices.FreeBytes);

    /// <summary>Puts a line into the natives' log.</summary>
    public static void Warn(string line) => NativeLog.Warn(line);
}
