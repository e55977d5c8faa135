namespace Tessera.Cli.Tests.Support;

/// <summary>Programs that some tests need and not every machine has.</summary>
internal static class InstalledTools
{
    /// <summary>Whether a program lies in a folder of PATH.</summary>
    public static bool Have(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, name)));
}
