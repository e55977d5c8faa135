namespace Tessera.Engine.NativeTests.Imaging.Video;

/// <summary>A test that needs ffmpeg and ffprobe on PATH, and is left out with that reason where they are not.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class FfmpegFactAttribute : FactAttribute
{
    public FfmpegFactAttribute() => Skip = Ffmpeg.Missing;
}

/// <summary>As <see cref="FfmpegFactAttribute"/>, with data.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class FfmpegTheoryAttribute : TheoryAttribute
{
    public FfmpegTheoryAttribute() => Skip = Ffmpeg.Missing;
}

internal static class Ffmpeg
{
    public static string? Missing { get; } =
        IsThere("ffmpeg") && IsThere("ffprobe") ? null : "ffmpeg and ffprobe are not installed; video files are read with them.";

    private static bool IsThere(string program)
    {
        string name = OperatingSystem.IsWindows() ? program + ".exe" : program;
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(
            Path.PathSeparator,
            StringSplitOptions.RemoveEmptyEntries
        );
        return folders.Any(folder => File.Exists(Path.Combine(folder, name)));
    }
}
