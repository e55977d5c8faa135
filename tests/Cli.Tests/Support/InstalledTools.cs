namespace Tessera.Cli.Tests.Support;

/// <summary>Programs that some tests need and not every machine has.</summary>
internal static class InstalledTools
{
    /// <summary>Whether a program lies in a folder of PATH.</summary>
    public static bool Have(string name) => Find(name) is not null;

    /// <summary>Where a program lies; null if in no folder of PATH.</summary>
    public static string? Find(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator)
            .Select(folder => Path.Combine(folder, name))
            .FirstOrDefault(File.Exists);
}
