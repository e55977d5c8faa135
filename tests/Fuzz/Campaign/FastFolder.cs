namespace Tessera.Fuzz.Campaign;

/// <summary>A folder for the files of a campaign, in memory where the system has such a place, removed with them.</summary>
internal sealed class FastFolder : IDisposable
{
    private const string Memory = "/dev/shm";
    private readonly DirectoryInfo folder;

    public FastFolder()
    {
        string parent = OperatingSystem.IsLinux() && Directory.Exists(Memory) ? Memory : Path.GetTempPath();
        folder = Directory.CreateDirectory(Path.Combine(parent, $"tessera-fuzz-{Guid.NewGuid():N}"));
    }

    public string File(string name) => Path.Combine(folder.FullName, name);

    public void Dispose() => folder.Delete(recursive: true);
}
