using System.Diagnostics;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>Where results go: - is standard output, and a file is what its ending says.</summary>
public sealed class OutputPathTests : IDisposable
{
    private static readonly string Picture = Goldens.Picture("wide");
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task An_array_goes_through_a_pipe()
    {
        string path = folder.File("x.npy");
        string[] arguments = ["encode", "--mmproj", Goldens.Projector, Picture, "--threads", "1", "--out"];
        Assert.Equal(0, (await CliProcess.RunAsync([.. arguments, path])).ExitCode);
        (int exitCode, byte[] output, string error) = await BytesAsync([.. arguments, "-"]);
        Assert.Equal((0, "-: embeddings [16, 64]\n"), (exitCode, error));
        Assert.Equal(await File.ReadAllBytesAsync(path), output);
        Assert.False(File.Exists(folder.File("-")));
    }

    [Fact]
    public async Task A_picture_goes_through_a_pipe()
    {
        string path = folder.File("x.png");
        Assert.Equal(0, (await CliProcess.RunAsync("look", "--mmproj", Goldens.Projector, Picture, "--save", path)).ExitCode);
        (int exitCode, byte[] output, string error) = await BytesAsync("look", "--mmproj", Goldens.Projector, Picture, "--save", "-");
        Assert.Equal(0, exitCode);
        Assert.StartsWith("picture  183 x 61\n", error, StringComparison.Ordinal);
        Assert.Equal(await File.ReadAllBytesAsync(path), output);
        Assert.False(File.Exists(folder.File("-")));
    }

    [Theory]
    [InlineData("x.png", "image/png")]
    [InlineData("x.jpg", "image/jpeg")]
    [InlineData("X.JPEG", "image/jpeg")]
    [InlineData("x.webp", "image/webp")]
    [InlineData("x", "image/png")]
    public async Task The_ending_chooses_the_format(string name, string type)
    {
        string path = folder.File(name);
        Assert.Equal(0, (await CliRun.InProcessAsync("look", "--mmproj", Goldens.Projector, Picture, "--save", path)).ExitCode);
        PromptImage written = await PromptImage.FromFileAsync(path);
        Assert.Equal(type, written.MediaType);
        using VisionModel vision = VisionModel.Open(Goldens.Projector);
        Assert.Equal(new PixelSize(183, 61), vision.ReadSize(written));
    }

    [Fact]
    public async Task Another_ending_is_refused()
    {
        string[] look = ["look", "--mmproj", Goldens.Projector, Picture, "--save"],
            encode = ["encode", "--mmproj", Goldens.Projector, Picture, "--out"];
        (await CliRun.InProcessAsync([.. look, folder.File("x.bmp")])).ShouldFail(2, "--save", ".png, .jpg, .jpeg or .webp");
        (await CliRun.InProcessAsync([.. encode, folder.File("x.png")])).ShouldFail(2, "--out", ".npy");
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.FullName));
    }

    [Fact]
    public async Task Standard_output_holds_one_thing()
    {
        CliRun run = await CliRun.InProcessAsync("look", "--mmproj", Goldens.Projector, Picture, "--save", "-", "--json");
        (run with { Out = "" }).ShouldFail(2, "--save - and --json do not go together");
        run = await CliRun.InProcessAsync("encode", "--mmproj", Goldens.Projector, Picture, "--out", "-", "--json");
        (run with { Out = "" }).ShouldFail(2, "--out - and --json do not go together");
    }

    [TmuxFact]
    public async Task A_terminal_gets_no_bytes()
    {
        using var terminal = new TmuxTerminal(
            100,
            24,
            folder.FullName,
            ["NO_COLOR=1"],
            [CliProcess.Program, "look", "--mmproj", Goldens.Projector, Picture, "--save", "-"]
        );
        string[] screen = await terminal.WaitForLastRowAsync("exit 2");
        Assert.Equal("tessera: --save - writes bytes that a terminal cannot show: send them to a file or a program.", screen[0]);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.FullName));
    }

    private async Task<(int ExitCode, byte[] Output, string Error)> BytesAsync(params string[] arguments)
    {
        ProcessStartInfo start = CliProcess.StartInfo(arguments);
        start.WorkingDirectory = folder.FullName;
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> error = process.StandardError.ReadToEndAsync();
        using var output = new MemoryStream();
        await process.StandardOutput.BaseStream.CopyToAsync(output);
        await process.WaitForExitAsync().WaitAsync(Patience.Limit);
        return (process.ExitCode, output.ToArray(), (await error).ReplaceLineEndings("\n"));
    }
}
