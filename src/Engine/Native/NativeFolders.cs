using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>
/// The folders in which llama.cpp's libraries may lie, best first: that which <c>TESSERA_NATIVE</c> names, or else
/// <c>runtimes/&lt;rid&gt;/native</c> beside the program, as the packages LLamaSharp.Backend.* lay it out, and the program's own. Each may
/// have folders for a GPU's build and for what an x64 processor can do. Where LLamaSharp was first, its folder is the one.
/// </summary>
internal static class NativeFolders
{
    public const string Variable = "TESSERA_NATIVE";

    // Best first. An x64 processor's levels need more than their names say: see ProcessorLevel. What translates x64 on Apple's processors
    // has no AVX.
    private static readonly (string Name, Func<bool> CanRun)[] Builds =
    [
        ("cuda12", static () => HasDriver("libcuda.so.1", "nvcuda.dll")),
        ("vulkan", static () => HasDriver("libvulkan.so.1", "vulkan-1.dll")),
        ("avx512", static () => ProcessorLevel.HasAvx512),
        ("avx2", static () => ProcessorLevel.HasAvx2),
        ("avx", static () => ProcessorLevel.HasAvx),
        ("noavx", static () => true),
        ("rosetta2", static () => OperatingSystem.IsMacOS() && !ProcessorLevel.HasAvx2),
    ];

    private static readonly Lazy<IReadOnlyList<string>> Found = new(Find);

    /// <summary>The folders that are searched, first to last; not all of them need to be there.</summary>
    public static IReadOnlyList<string> Search => Found.Value;

    /// <summary>Where packages put native libraries of any kind.</summary>
    public static IReadOnlyList<string> OfProgram =>
        [Path.Combine(AppContext.BaseDirectory, "runtimes", PortableRid(), "native"), AppContext.BaseDirectory];

    /// <summary>The folders in a folder whose builds this machine can run, best first, and then itself.</summary>
    internal static IEnumerable<string> BuildsIn(string root) =>
        Builds
            .Select(build => (Path: Path.Combine(root, build.Name), build.CanRun))
            .Where(static build => Directory.Exists(build.Path) && build.CanRun())
            .Select(static build => build.Path)
            .Append(root);

    private static IReadOnlyList<string> Find()
    {
        string? chosen = Environment.GetEnvironmentVariable(Variable);
        IReadOnlyList<string> folders = [.. (string.IsNullOrEmpty(chosen) ? OfProgram : [Path.GetFullPath(chosen)]).SelectMany(BuildsIn)];
        if (SharedLibraries.Folder() is not string shared)
            return folders;
        return string.IsNullOrEmpty(chosen) || folders.Contains(shared) ? [shared] : throw SharedLibraries.Refuse(shared, chosen);
    }

    private static bool HasDriver(string onLinux, string onWindows)
    {
        if (OperatingSystem.IsMacOS())
            return false;
        bool isThere = NativeLibrary.TryLoad(OperatingSystem.IsWindows() ? onWindows : onLinux, out nint driver);
        if (isThere)
            NativeLibrary.Free(driver);
        return isThere;
    }

    internal static string PortableRid()
    {
        bool isMusl = RuntimeInformation.RuntimeIdentifier.StartsWith("linux-musl", StringComparison.Ordinal);
        string system =
            OperatingSystem.IsWindows() ? "win"
            : OperatingSystem.IsMacOS() ? "osx"
            : isMusl ? "linux-musl"
            : "linux";
        return $"{system}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";
    }
}
