using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using NetVips;
using Library = NetVips.NetVips;

namespace Tessera.Native;

/// <summary>Starts libvips once, takes its log, and reads its errors.</summary>
internal static class VipsLibrary
{
    private const int SupportedMajor = 8;
    private const int OldestMinor = 15;
    private const int MaxErrorLength = 200;

    // Those of the libraries that are linked into libvips; null is for messages without a domain.
    private static readonly string?[] LogDomains = ["VIPS", "GLib", "GLib-GObject", "GLib-GIO", "GModule", null];

    private static readonly Lazy<bool> Started = new(Start, LazyThreadSafetyMode.ExecutionAndPublication);

    /// <summary>Loads and starts libvips; later calls do nothing.</summary>
    /// <exception cref="NativeLibraryException">The library is missing, of another version, or does not start.</exception>
    public static void EnsureStarted() => _ = Started.Value;

    /// <summary>What libvips said of a failure, on one line; "" where it gave no reason.</summary>
    public static string Reason(VipsException failure)
    {
        // The first line names the call.
        IEnumerable<string> lines = failure
            .Message.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Skip(1);
        string line = string.Join("; ", lines.Distinct());
        return line.Length > MaxErrorLength ? line[..MaxErrorLength] : line;
    }

    private static bool Start()
    {
        nint handle = NativeLibraries.Load(NativeLibraries.Vips);
        try
        {
            // Before anything of NetVips runs: it keeps a resolver that is already there.
            NativeLibrary.SetDllImportResolver(typeof(Image).Assembly, (_, _, _) => handle);
        }
        catch (InvalidOperationException)
        {
            // It has found a library by itself, as it does at the start of a native program.
        }

        RequireStart();
        foreach (string? domain in LogDomains)
            Log.SetLogHandler(domain, Enums.LogLevelFlags.All, Receive);
        Cache.Max = 0;
        Library.BlockUntrusted = true;
        return true;
    }

    private static void RequireStart()
    {
        try
        {
            if (!ModuleInitializer.VipsInitialized && !Library.Init())
                throw new NativeLibraryException($"The image library libvips does not start ({Reason(new VipsException("vips_init"))}).");
            RequireVersion(Library.Version(0, fromModule: false), Library.Version(1, fromModule: false));
        }
        catch (Exception failure) when (failure is DllNotFoundException or EntryPointNotFoundException or BadImageFormatException)
        {
            throw new NativeLibraryException($"The image library libvips could not be loaded ({failure.Message}).", failure);
        }
    }

    private static void RequireVersion(int major, int minor)
    {
        if (major != SupportedMajor || minor < OldestMinor)
            throw new NativeLibraryException(
                $"The image library is libvips {major}.{minor}, but 8.{OldestMinor} or a later 8.x is needed."
            );
    }

    // GLib's own handler writes to stderr. What ends a decode is told by its exception.
    private static void Receive(string? domain, Enums.LogLevelFlags flags, string? message)
    {
        LogLevel level = (flags & Enums.LogLevelFlags.LevelMask) switch
        {
            <= Enums.LogLevelFlags.Critical => LogLevel.Error,
            Enums.LogLevelFlags.Warning => LogLevel.Warning,
            Enums.LogLevelFlags.Message => LogLevel.Information,
            _ => LogLevel.Debug,
        };
        NativeLog.Write(level, $"{domain}: {message}");
    }
}
