using System.Text;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>Native libraries that are missing, wrong, or of every kind that this processor can run.</summary>
public sealed class NativeLibraryTests : IDisposable
{
    private static readonly string Natives = NativeBuilds.Folders[0];

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(NativeBuilds.All), MemberType = typeof(NativeBuilds))]
    public async Task Every_build_gives_the_same_answer(string build)
    {
        string[] question =
        [
            "ask",
            "--temperature",
            "0",
            "-i",
            Goldens.RepositoryPath("samples", "shapes.png"),
            "What is in this picture?",
        ];
        CliRun run = await CliProcess.RunAsync(question, null, ("TESSERA_NATIVE", NativeBuilds.FolderOf(build)));
        Assert.Equal("This is a yellow star and a purple diamond.\n", run.Out);
    }

    [Theory]
    [InlineData("ggml")]
    [InlineData("avx2")]
    [InlineData("avx512")]
    public async Task Every_limit_of_the_kernels_gives_the_same_answer(string level)
    {
        string[] question =
        [
            "ask",
            "--temperature",
            "0",
            "-i",
            Goldens.RepositoryPath("samples", "shapes.png"),
            "What is in this picture?",
        ];
        CliRun run = await CliProcess.RunAsync(question, null, ("TESSERA_KERNELS", level));
        Assert.Equal("This is a yellow star and a purple diamond.\n", run.Out);
    }

    [Theory]
    [InlineData("devices")]
    [InlineData("ask", "What?")]
    public async Task Missing(params string[] arguments) =>
        (await RunAsync(arguments)).ShouldFail(1, "'ggml-base' was not found", folder.FullName, "LLamaSharp.Backend.Cpu", "TESSERA_NATIVE");

    [Fact]
    public async Task Missing_codec()
    {
        foreach (string file in Directory.EnumerateFiles(AppContext.BaseDirectory))
            File.Copy(file, folder.File(Path.GetFileName(file)));
        string program = folder.File(Path.GetFileName(CliProcess.Program));
        CliRun run = await CliProcess.RunCopyAsync(program, "look", "--mmproj", Goldens.Projector, Goldens.Picture("small"));
        run.ShouldFail(1, "'vips' was not found", folder.FullName, "NetVips.Native");
    }

    [Fact]
    public async Task A_folder_that_is_not_there() =>
        (await CliProcess.RunAsync(["devices"], null, ("TESSERA_NATIVE", folder.File("none")))).ShouldFail(1, folder.File("none"));

    [Fact]
    public async Task A_text_file()
    {
        LinkNatives(except: "libllama");
        string wrong = folder.File("libllama.so", "This is no library."u8);
        (await RunAsync("devices")).ShouldFail(1, wrong, "cannot be loaded");
    }

    [Fact]
    public async Task Another_library_of_that_name()
    {
        LinkNatives(except: "libllama");
        File.Copy(Path.Combine(Natives, "libggml.so"), folder.File("libllama.so"));
        (await RunAsync("devices")).ShouldFail(1, folder.FullName, "lacks a function");
    }

    [Fact]
    public async Task No_kernels_for_this_processor()
    {
        LinkNatives(except: "libggml-cpu");
        (await RunAsync("devices")).ShouldFail(1, folder.FullName, "libggml-cpu");
    }

    [Fact]
    public async Task Made_for_another_processor()
    {
        // Its header says AArch64.
        LinkNatives(except: "libggml-base");
        byte[] library = File.ReadAllBytes(Path.Combine(Natives, "libggml-base.so"));
        library[18] = 183;
        string wrong = folder.File("libggml-base.so", library);
        (await RunAsync("devices")).ShouldFail(1, wrong, "made for Linux arm64");
    }

    [Fact]
    public async Task Without_the_runtime_of_OpenMP()
    {
        LinkChanged("libggml-base.so", "libgomp.so.1", "libgomp.so.0");
        (await RunAsync("devices")).ShouldFail(1, "it needs libgomp.so.0", "apt-get install libgomp1");
    }

    [Fact]
    public async Task Of_an_unknown_version()
    {
        LinkChanged("libggml-base.so", "0.18.0\0", "0.17.9\0");
        (await RunAsync("devices")).ShouldFail(1, folder.FullName, "0.17.9", "0.18.0 or 0.25.1");
    }

    [Fact]
    public async Task Of_two_editions()
    {
        LinkChanged("libggml-base.so", "0.18.0\0", "0.25.1\0");
        (await RunAsync("devices")).ShouldFail(1, folder.FullName, "its ggml is that of llama.cpp v0.5.0", "another edition");
    }

    private void LinkNatives(string except)
    {
        foreach (
            string file in Directory
                .EnumerateFiles(Natives)
                .Where(file => !Path.GetFileName(file).StartsWith(except, StringComparison.Ordinal))
        )
            File.CreateSymbolicLink(folder.File(Path.GetFileName(file)), file);
    }

    // The libraries, with a piece of text inside one of them replaced by another of that length.
    private void LinkChanged(string name, string text, string other)
    {
        LinkNatives(except: name);
        byte[] library = File.ReadAllBytes(Path.Combine(Natives, name)),
            sought = Encoding.ASCII.GetBytes(text);
        int at = library.AsSpan().IndexOf(sought);
        Assert.True(at >= 0, $"{name} holds no '{text}'.");
        Encoding.ASCII.GetBytes(other).CopyTo(library, at);
        folder.File(name, library);
    }

    private Task<CliRun> RunAsync(params string[] arguments) => CliProcess.RunAsync(arguments, null, ("TESSERA_NATIVE", folder.FullName));
}
