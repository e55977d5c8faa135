using System.Diagnostics;

namespace Tessera.Native;

/// <summary>
/// llama.cpp's libraries that LLamaSharp has loaded into this process. Two copies would find each other's functions, and the process would
/// end where they differ: so there is one for both.
/// </summary>
internal static class SharedLibraries
{
    private const string Owner = "LLamaSharp";

    /// <summary>The folder of LLamaSharp's libllama; null where it has loaded none, or the system does not say (macOS, which has one
    /// build).</summary>
    public static string? Folder()
    {
        if (!AppDomain.CurrentDomain.GetAssemblies().Any(static assembly => assembly.GetName().Name == Owner))
            return null;
        using Process process = Process.GetCurrentProcess();
        return process
            .Modules.Cast<ProcessModule>()
            .Where(static module => IsLlama(module.FileName))
            .Select(static module => Path.GetDirectoryName(module.FileName))
            .FirstOrDefault(static folder => folder is not null && !IsOwn(folder));
    }

    /// <summary>Says so where LLamaSharp has loaded other libraries than those that are in use here.</summary>
    /// <exception cref="NativeLibraryException">It has.</exception>
    public static void RequireNoOther()
    {
        if (Folder() is string other)
            throw Refuse(other, Path.GetDirectoryName(NativeLibraries.Locate(NativeLibraries.Llama))!);
    }

    /// <summary>The sentence for two sets of libraries in one process.</summary>
    public static NativeLibraryException Refuse(string theirs, string own) =>
        new(
            $"{Owner} has loaded the native libraries in {theirs}, and Tessera would use those in {own}: one process can have one of them. "
                + $"Unset {NativeFolders.Variable}, or give {Owner} the same folder."
        );

    private static bool IsOwn(string folder) => NativeLibraries.LoadedFolder is string own && SamePath(folder, own);

    private static bool SamePath(string one, string other) =>
        string.Equals(
            Path.GetFullPath(one),
            Path.GetFullPath(other),
            OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal
        );

    private static bool IsLlama(string path) =>
        Path.GetFileName(path) is string name
        && (name.StartsWith("libllama.", StringComparison.Ordinal) || name.Equals("llama.dll", StringComparison.OrdinalIgnoreCase));
}
