using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>A missing or wrong native library: one sentence says which file was looked for where, and what to run.</summary>
public sealed class NativeLibraryTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("devices")]
    [InlineData("ask", "What?")]
    public async Task Missing(params string[] arguments) =>
        (await RunAsync(arguments)).ShouldFail(1, "'ggml-base' was not found", folder.FullName, "npm ci", "TESSERA_NATIVE");

    [Fact]
    public async Task Missing_codec()
    {
        foreach (string file in Directory.EnumerateFiles(AppContext.BaseDirectory)) File.Copy(file, folder.File(Path.GetFileName(file)));
        string program = folder.File(Path.GetFileName(CliProcess.Program));
        CliRun run = await CliProcess.RunCopyAsync(program, "look", "--mmproj", Goldens.Projector, Goldens.Picture("small"));
        run.ShouldFail(1, "'vips' was not found", folder.FullName, "NetVips.Native");
    }

    [Fact]
    public async Task The_chosen_folder_need_not_hold_the_codecs()
    {
        CopyNatives(except: "libvips");
        Assert.Equal(0, (await RunAsync("look", Goldens.Picture("small"))).ExitCode);
    }

    [Fact]
    public async Task A_folder_that_is_not_there() =>
        (await CliProcess.RunAsync(["devices"], null, ("TESSERA_NATIVE", folder.File("none")))).ShouldFail(1, folder.File("none"), "npm ci");

    [Fact]
    public async Task A_text_file()
    {
        CopyNatives(except: "libllama");
        string wrong = folder.File("libllama.so", "This is no library."u8);
        (await RunAsync("devices")).ShouldFail(1, wrong, "cannot be loaded", "npm ci");
    }

    [Fact]
    public async Task Another_library_of_that_name()
    {
        CopyNatives(except: "libggml-base");
        File.Copy(Directory.EnumerateFiles(Natives, "libvips*").Single(), folder.File("libggml-base.so"));
        (await RunAsync("devices")).ShouldFail(1, folder.FullName, "npm ci");
    }

    [Fact]
    public async Task No_kernels_for_this_processor()
    {
        CopyNatives(except: "libggml-cpu");
        (await RunAsync("devices")).ShouldFail(1, folder.FullName, "libggml-cpu", "npm ci");
    }

    private static string Natives => Directory.EnumerateDirectories(Path.Combine(AppContext.BaseDirectory, "runtimes"), "native", SearchOption.AllDirectories).First(static path => Directory.EnumerateFiles(path).Any());

    private void CopyNatives(string except)
    {
        foreach (string file in Directory.EnumerateFiles(Natives).Where(file => !Path.GetFileName(file).StartsWith(except, StringComparison.Ordinal)))
            File.CreateSymbolicLink(folder.File(Path.GetFileName(file)), file);
    }

    private Task<CliRun> RunAsync(params string[] arguments) => CliProcess.RunAsync(arguments, null, ("TESSERA_NATIVE", folder.FullName));
}
