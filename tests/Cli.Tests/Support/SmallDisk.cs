using System.ComponentModel;
using System.Diagnostics;

namespace Tessera.Cli.Tests.Support;

/// <summary>A disk of some megabytes in memory, which Linux lets root make.</summary>
internal sealed class SmallDisk : IDisposable
{
    private SmallDisk(string path) => Path = path;

    public string Path { get; }

    /// <summary>Mounts one; null where that is not allowed.</summary>
    public static SmallDisk? TryMount(string path, int megabytes)
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess)
            return null;
        Directory.CreateDirectory(path);
        return Run("mount", "-t", "tmpfs", "-o", $"size={megabytes}m", "tmpfs", path) ? new SmallDisk(path) : null;
    }

    public void Dispose() => Run("umount", Path);

    private static bool Run(string program, params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }
}

/// <summary>A test that needs a disk that it can fill.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SmallDiskFactAttribute : FactAttribute
{
    private static readonly Lazy<bool> CanMount = new(static () =>
    {
        DirectoryInfo place = Directory.CreateTempSubdirectory("tessera-disk-");
        using (SmallDisk? disk = SmallDisk.TryMount(place.FullName, 1))
            if (disk is null)
                return false;
        place.Delete();
        return true;
    });

    public SmallDiskFactAttribute()
    {
        if (!CanMount.Value)
            Skip = "A disk to fill can be mounted by root on Linux only.";
    }
}
