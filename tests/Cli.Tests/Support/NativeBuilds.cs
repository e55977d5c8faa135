namespace Tessera.Cli.Tests.Support;

/// <summary>
/// The builds of llama.cpp that this processor can run: those beside the program, and v0.5.0's in the folder that
/// <c>TESSERA_TEST_NATIVE_V050</c> names (npm's @node-llama-cpp 3.22.1), where it does.
/// </summary>
public static class NativeBuilds
{
    private const string ReleaseVariable = "TESSERA_TEST_NATIVE_V050";
    private const string Release = "v0.5.0";

    internal static IReadOnlyList<string> Folders { get; } =
    [
        .. Native
            .NativeFolders.BuildsIn(Native.NativeFolders.OfProgram[0])
            .Where(static folder => Directory.EnumerateFiles(folder, "*llama.*").Any()),
    ];

    /// <summary>Their names, each a row.</summary>
    public static TheoryData<string> All()
    {
        TheoryData<string> names = [];
        foreach (string folder in Folders)
            names.Add(Path.GetFileName(folder));
        if (Environment.GetEnvironmentVariable(ReleaseVariable) is { Length: > 0 })
            names.Add(Release);
        return names;
    }

    internal static string FolderOf(string build) =>
        build == Release
            ? Environment.GetEnvironmentVariable(ReleaseVariable)!
            : Folders.Single(folder => Path.GetFileName(folder) == build);
}
