using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>
/// Finds the native libraries: in the folder that <c>TESSERA_NATIVE</c> names, or else in <c>runtimes/&lt;rid&gt;/native</c> beside
/// the program, or else beside the program itself.
/// </summary>
internal static class NativeLibraries
{
    public const string Llama = "llama";
    public const string Ggml = "ggml";
    public const string GgmlBase = "ggml-base";
    public const string Vips = "vips";
    public const string FolderVariable = "TESSERA_NATIVE";

    private static readonly Lock Gate = new();
    private static readonly Dictionary<string, nint> Loaded = [];

    /// <summary>The folders that are searched for a library, first to last. The chosen one need not hold libvips, which has one build only.</summary>
    public static IReadOnlyList<string> SearchFolders(string library)
    {
        string? chosen = Environment.GetEnvironmentVariable(FolderVariable);
        string program = AppContext.BaseDirectory;
        string[] own = [Path.Combine(program, "runtimes", PortableRid(), "native"), program];
        if (string.IsNullOrEmpty(chosen)) return own;
        return library == Vips ? [Path.GetFullPath(chosen), .. own] : [Path.GetFullPath(chosen)];
    }

    /// <summary>The path of a library's file.</summary>
    /// <exception cref="NativeLibraryException">No folder holds it.</exception>
    public static string Locate(string library)
    {
        IReadOnlyList<string> folders = SearchFolders(library);
        foreach (string folder in folders)
        {
            if (!Directory.Exists(folder)) continue;
            string? file = Directory.EnumerateFiles(folder).Where(path => IsLibraryFile(path, library)).Order(StringComparer.Ordinal).FirstOrDefault();
            if (file is not null) return file;
        }

        string searched = $"The native library '{library}' was not found in {string.Join(" or ", folders)}: ";
        if (library == Vips) throw new NativeLibraryException($"{searched}add the package NetVips.Native.{PortableRid()} (in a clone, build again).");
        throw new NativeLibraryException($"{searched}add the package Tessera.Native.{PortableRid()} (in a clone, run 'npm ci' in the native/ folder and build again), or set {FolderVariable} to a folder that holds it.");
    }

    /// <summary>Loads a library once and returns its handle.</summary>
    /// <exception cref="NativeLibraryException">The file is missing or cannot be loaded.</exception>
    public static nint Load(string library)
    {
        lock (Gate)
        {
            if (Loaded.TryGetValue(library, out nint handle)) return handle;
            string file = Locate(library);
            try
            {
                handle = NativeLibrary.Load(file);
            }
            catch (Exception failure) when (failure is DllNotFoundException or BadImageFormatException)
            {
                throw new NativeLibraryException($"{file} cannot be loaded as the native library '{library}' ({FirstSentence(failure.Message)}): "
                    + $"run 'npm ci' in the native/ folder and build again, or set {FolderVariable} to another folder.", failure);
            }

            return Loaded[library] = handle;
        }
    }

#pragma warning disable CA2255 // the resolver must stand before the first P/Invoke, and a library has no earlier moment
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void InstallResolver() =>
        NativeLibrary.SetDllImportResolver(typeof(NativeLibraries).Assembly, static (string name, Assembly _, DllImportSearchPath? _) =>
            name is Llama or Ggml or GgmlBase or Vips ? Load(name) : 0);

    // The file names carry versions and backends: libllama.v0.5.0.so, libllama.cuda.v0.5.0.so, libvips.so.42, libvips.42.dylib, libvips-42.dll.
    private static bool IsLibraryFile(string path, string library)
    {
        string name = Path.GetFileName(path);
        if (name.StartsWith("lib", StringComparison.Ordinal)) name = name[3..];
        bool isLibrary = name.Contains(".so", StringComparison.Ordinal) || name.EndsWith(".dylib", StringComparison.Ordinal)
            || name.EndsWith(".dll", StringComparison.OrdinalIgnoreCase);
        if (!isLibrary) return false;
        return name.StartsWith(library + (library == Vips && OperatingSystem.IsWindows() ? "-" : "."), StringComparison.Ordinal);
    }

    private static string PortableRid()
    {
        string system = OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux";
        return $"{system}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";
    }

    // The runtime's own message goes on with advice about tracing.
    private static string FirstSentence(string text) => text.Split('\n', 2)[0].Split(". ", 2)[0].Trim().TrimEnd('.');
}
