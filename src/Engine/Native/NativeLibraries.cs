using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>Finds and loads the native libraries, llama.cpp's in <see cref="NativeFolders"/>.</summary>
internal static class NativeLibraries
{
    public const string Llama = "llama";
    public const string Ggml = "ggml";
    public const string GgmlBase = "ggml-base";
    public const string GgmlCpu = "ggml-cpu";
    public const string Vips = "vips";

    private static readonly Lock Gate = new();
    private static readonly Dictionary<string, nint> Loaded = [];

    /// <summary>The folder of the libllama that was loaded here; null before.</summary>
    public static string? LoadedFolder { get; private set; }

    /// <summary>The path of a library's file.</summary>
    /// <exception cref="NativeLibraryException">No folder holds it, or one cannot be read.</exception>
    public static string Locate(string library)
    {
        if (Find(library) is string file)
            return file;
        string advice =
            library == Vips
                ? $"add the package NetVips.Native.{NativeFolders.PortableRid()} (in a clone, build again)"
                : $"add a package such as LLamaSharp.Backend.Cpu {NativeRuntime.PackageVersion}, or set {NativeFolders.Variable} to a "
                    + "folder that holds it";
        throw new NativeLibraryException(
            $"The native library '{library}' was not found in {string.Join(" or ", FoldersOf(library))}: {advice}."
        );
    }

    /// <summary>Loads a library once and returns its handle.</summary>
    /// <exception cref="NativeLibraryException">The file is missing or cannot be loaded.</exception>
    public static nint Load(string library)
    {
        lock (Gate)
            return Loaded.TryGetValue(library, out nint handle) ? handle : Loaded[library] = LoadFile(library, Locate(library));
    }

    /// <summary>Whether there is a library's file.</summary>
    /// <exception cref="NativeLibraryException">A folder cannot be read.</exception>
    public static bool IsThere(string library) => Find(library) is not null;

    /// <summary>Loads a library where there is one; 0 where not.</summary>
    /// <exception cref="NativeLibraryException">The file cannot be loaded.</exception>
    public static nint LoadIfThere(string library) => IsThere(library) ? Load(library) : 0;

#pragma warning disable CA2255 // the resolver must stand before the first P/Invoke, and a library has no earlier moment
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void InstallResolver() =>
        NativeLibrary.SetDllImportResolver(
            typeof(NativeLibraries).Assembly,
            static (string name, Assembly _, DllImportSearchPath? _) => name is Llama or Ggml or GgmlBase or Vips ? Load(name) : 0
        );

    private static string? Find(string library)
    {
        foreach (string folder in FoldersOf(library).Where(Directory.Exists))
        {
            try
            {
                string? file = Directory
                    .EnumerateFiles(folder)
                    .Where(path => IsLibraryFile(path, library))
                    .Order(StringComparer.Ordinal)
                    .FirstOrDefault();
                if (file is not null)
                    return file;
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                throw new NativeLibraryException(
                    $"The folder {folder}, where native libraries are looked for, cannot be read ({failure.Message.TrimEnd('.')}).",
                    failure
                );
            }
        }

        return null;
    }

    private static IReadOnlyList<string> FoldersOf(string library) => library == Vips ? NativeFolders.OfProgram : NativeFolders.Search;

    private static nint LoadFile(string library, string file)
    {
        try
        {
            nint handle = NativeLibrary.Load(file);
            if (library == Llama)
                LoadedFolder = Path.GetDirectoryName(file);
            return handle;
        }
        catch (Exception failure) when (failure is DllNotFoundException or BadImageFormatException)
        {
            throw new NativeLibraryException(
                $"{file} cannot be loaded as the native library '{library}': {LibraryFault.Explain(file, failure.Message)}.",
                failure
            );
        }
    }

    // The file names carry versions and backends: libllama.v0.5.0.so, libllama.cuda.v0.5.0.so, libvips.so.42, libvips.42.dylib,
    // libvips-42.dll.
    private static bool IsLibraryFile(string path, string library)
    {
        string name = Path.GetFileName(path);
        if (name.StartsWith("lib", StringComparison.Ordinal))
            name = name[3..];
        bool isLibrary =
            name.Contains(".so", StringComparison.Ordinal)
            || name.EndsWith(".dylib", StringComparison.Ordinal)
            || name.EndsWith(".dll", StringComparison.OrdinalIgnoreCase);
        if (!isLibrary)
            return false;
        return name.StartsWith(library + (library == Vips && OperatingSystem.IsWindows() ? "-" : "."), StringComparison.Ordinal);
    }
}
