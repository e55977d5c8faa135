using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>A libvips call that failed, with the text of libvips's error buffer on one line.</summary>
internal sealed class VipsException(string message) : Exception(message);

/// <summary>Starts libvips once, and reads its errors.</summary>
internal static unsafe class VipsLibrary
{
    private const int SupportedMajor = 8;
    private const int OldestMinor = 15;
    private const int MaxErrorLength = 200;

    private static readonly Lazy<bool> Started = new(Start, LazyThreadSafetyMode.ExecutionAndPublication);

    /// <summary>Loads and starts libvips; later calls do nothing.</summary>
    /// <exception cref="NativeLibraryException">The library is missing, of another version, or does not start.</exception>
    public static void EnsureStarted() => _ = Started.Value;

    /// <summary>The error buffer as one line, and clears it. The buffer is shared by all threads.</summary>
    public static VipsException TakeError()
    {
        nint copy = Vips.vips_error_buffer_copy();
        string text = Marshal.PtrToStringUTF8(copy) ?? "";
        Vips.g_free(copy);
        string line = string.Join("; ", text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Distinct());
        return new VipsException(line.Length > MaxErrorLength ? line[..MaxErrorLength] : line);
    }

    private static bool Start()
    {
        try
        {
            Vips.g_log_set_default_handler(&Ignore, 0);
            if (Vips.vips_init("tessera") != 0)
                throw new NativeLibraryException($"The image library libvips does not start ({TakeError().Message}).");
        }
        catch (Exception failure) when (failure is DllNotFoundException or EntryPointNotFoundException)
        {
            throw new NativeLibraryException($"The image library libvips could not be loaded ({failure.Message}).", failure);
        }
        RequireVersion(Vips.vips_version(0), Vips.vips_version(1));
        Vips.vips_cache_set_max(0);
        Vips.vips_block_untrusted_set(1);
        return true;
    }

    private static void RequireVersion(int major, int minor)
    {
        if (major != SupportedMajor || minor < OldestMinor)
            throw new NativeLibraryException($"The image library is libvips {major}.{minor}, but 8.{OldestMinor} or a later 8.x is needed.");
    }

    // GLib's own handler writes to stderr. What went wrong is told by the error buffer.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Ignore(byte* domain, int level, byte* message, nint userData) { }
}
