using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>
/// GCC's OpenMP runtime, which builds of ggml for Linux may be linked with. Its threads wait for each other by spinning for milliseconds
/// before they sleep, unless the environment says otherwise when the library is loaded, and only then (GCC, libgomp/env.c; the manual's
/// section on GOMP_SPINCOUNT). Beside other busy programs that makes each of the hundreds of waits of a graph as long as a time slice.
/// </summary>
internal static partial class OpenMpRuntime
{
    private const string File = "libgomp.so.1",
        SpinCount = "GOMP_SPINCOUNT",
        WaitPolicy = "OMP_WAIT_POLICY";

    // Long enough for threads that run to meet, some 20 microseconds.
    private const string ShortSpin = "1000";

    /// <summary>Whether its threads sleep soon where they wait, because this process had it loaded so.</summary>
    public static bool WaitsAsleep { get; private set; }

    /// <summary>
    /// Loads it, where it is there, with a short spin, unless the user has said how it should wait, or it is loaded already. Whatever else
    /// uses it in this process then waits so too.
    /// </summary>
    public static void Load()
    {
        if (!OperatingSystem.IsLinux() || IsLoaded() || Says(SpinCount) || Says(WaitPolicy))
            return;
        // The process's own variables are others than .NET's copy, which is what processes started from here get.
        if (setenv(SpinCount, ShortSpin, 0) != 0)
            return;
        WaitsAsleep = NativeLibrary.TryLoad(File, out _);
        _ = unsetenv(SpinCount);
    }

    private static bool Says(string variable) => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(variable));

    private static bool IsLoaded()
    {
        try
        {
            return System.IO.File.ReadLines("/proc/self/maps").Any(static line => line.Contains("/libgomp", StringComparison.Ordinal));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int setenv(string name, string value, int overwrite);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int unsetenv(string name);
}
