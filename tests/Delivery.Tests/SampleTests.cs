using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using Tessera.Delivery.Tests.Support;
using Tessera.Native;

namespace Tessera.Delivery.Tests;

/// <summary>The programs in samples/ do what their first lines say, and leave no native handle.</summary>
public sealed partial class SampleTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("tessera-samples-");
    private readonly int handlesBefore = OwnedHandle.LiveCount;

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task The_console_program_answers_in_at_most_40_lines()
    {
        Assert.InRange(File.ReadAllLines(RepositoryRoot.Path("samples", "Ask", "Program.cs")).Length, 1, 40);
        (int exitCode, string output, _) = await RunAsync("Ask", Tiny.Picture, "What is in this picture?");
        Assert.Equal(0, exitCode);
        Assert.Contains("star", output, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(handlesBefore, OwnedHandle.LiveCount);
        (exitCode, output, string error) = await RunAsync("Ask", "missing.png");
        Assert.Equal((1, ""), (exitCode, output));
        Assert.StartsWith("missing.png", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_desktop_program_blocks_no_frame_and_leaks_nothing()
    {
        string output = "";
        // A call that blocks does so each time; a machine that is busy with something else does not.
        for (long end = Environment.TickCount64 + (long)Patience.Limit.TotalMilliseconds; Environment.TickCount64 < end; )
        {
            (int exitCode, output, _) = await RunAsync("DesktopHost", Tiny.Picture);
            Assert.Equal(0, exitCode);
            Assert.Contains("star", output, StringComparison.OrdinalIgnoreCase);
            Assert.Contains("loaded: 100", output, StringComparison.Ordinal);
            Assert.Contains("cancelled: after", output, StringComparison.Ordinal);
            Assert.Equal(handlesBefore, OwnedHandle.LiveCount);
            Match figures = Figures().Match(output);
            Assert.True(figures.Success, output);
            if (
                output.Contains("closed: the answer ended with the model", StringComparison.Ordinal)
                && int.Parse(figures.Groups["frames"].Value, CultureInfo.InvariantCulture) > 3
                && figures.Groups["blocked"].Value == "0"
                && double.Parse(figures.Groups["longest"].Value, CultureInfo.InvariantCulture) <= 50
            )
                return;
        }

        Assert.Fail(output);
    }

    [Fact]
    public async Task The_sorter_files_pictures_by_what_is_on_them_and_leaves_the_rest()
    {
        File.Copy(RepositoryRoot.Path("samples", "heart.png"), Path.Combine(folder.FullName, "a.png"));
        File.Copy(RepositoryRoot.Path("samples", "count.png"), Path.Combine(folder.FullName, "b.png"));
        File.WriteAllText(Path.Combine(folder.FullName, "notes.txt"), "no picture");
        File.WriteAllBytes(Path.Combine(folder.FullName, "damaged.png"), File.ReadAllBytes(Tiny.Picture)[..200]);
        (int exitCode, string output, _) = await RunAsync("PictureSorter", folder.FullName, "--once");
        Assert.Equal(0, exitCode);
        Assert.Contains("a.png -> heart", output, StringComparison.Ordinal);
        Assert.Contains("b.png -> ring", output, StringComparison.Ordinal);
        Assert.Contains("damaged.png: left where it is", output, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(folder.FullName, "heart", "a.png")));
        Assert.True(File.Exists(Path.Combine(folder.FullName, "notes.txt")) && File.Exists(Path.Combine(folder.FullName, "damaged.png")));
        Assert.Equal(handlesBefore, OwnedHandle.LiveCount);
    }

    private static Task<(int ExitCode, string Out, string Error)> RunAsync(string sample, params string[] arguments) =>
        ProgramRun.RunAsync(Assembly.Load(sample).EntryPoint!, arguments);

    [GeneratedRegex(@"frames (?<frames>\d+), late \d+, blocked (?<blocked>\d+), longest call (?<longest>[\d.]+) ms")]
    private static partial Regex Figures();
}
