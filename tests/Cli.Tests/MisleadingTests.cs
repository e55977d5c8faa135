using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>Mistakes that newcomers make, each told as what it is.</summary>
public sealed class MisleadingTests : IDisposable
{
    private static readonly string Picture = Goldens.RepositoryPath("samples", "heart.png");
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_picture_in_the_place_of_the_question()
    {
        (await CliRun.InProcessAsync("ask", Picture, "What is it?")).ShouldFail(2, Picture, "with -i");
        (await CliRun.InProcessAsync("ask", "gone.jpg", "What is it?")).ShouldFail(2, "gone.jpg", "with -i");
        (await CliRun.InProcessAsync("ask", "What is it?", "gone.jpg")).ShouldFail(2, "gone.jpg", "with -i");
        (await CliRun.InProcessAsync("ask", Picture)).ShouldFail(2, Picture, "with -i");
    }

    [Theory]
    [InlineData]
    [InlineData("-i")]
    public async Task A_projector_in_the_place_of_the_model(params string[] options)
    {
        string projector = folder.File("projector.gguf", File.ReadAllBytes(Goldens.Projector));
        string[] pictures = options.Length > 0 ? ["-i", Picture] : [];
        (await CliRun.InProcessAsync(["ask", "-m", projector, .. pictures, "What?"])).ShouldFail(
            1,
            projector,
            "it is a vision projector",
            "with --mmproj and the language model with -m"
        );
    }

    [Fact]
    public async Task A_folder_in_the_place_of_the_model()
    {
        (await CliRun.InProcessAsync("ask", "-m", folder.FullName, "-i", Picture, "What?")).ShouldFail(
            1,
            "it is a directory without a language model's GGUF file"
        );
        folder.File("mmproj.gguf", File.ReadAllBytes(Goldens.Projector));
        folder.File("one.gguf", File.ReadAllBytes(Goldens.Language));
        Assert.Equal(0, (await CliRun.InProcessAsync("ask", "-m", folder.FullName, "-i", Picture, "--max-tokens", "1", "What?")).ExitCode);
        folder.File("two.gguf", File.ReadAllBytes(Goldens.Language));
        (await CliRun.InProcessAsync("ask", "-m", folder.FullName, "-i", Picture, "What?")).ShouldFail(1, "one.gguf, two.gguf");
    }

    [Fact]
    public async Task A_checkpoint_in_the_place_of_the_model()
    {
        folder.File("config.json", "{}"u8);
        (await CliRun.InProcessAsync("ask", "-m", folder.FullName, "What?")).ShouldFail(1, "converted to GGUF first");
        (await CliRun.InProcessAsync("ask", "-m", folder.File("gone.gguf"), "-i", Picture, "What?")).ShouldFail(
            1,
            "gone.gguf: there is no such file"
        );
    }

    [Theory]
    [InlineData("ask --imag x What?", "--imag is no option of tessera ask; did you mean --image?")]
    [InlineData("ask --temprature 0 What?", "did you mean --temperature?")]
    [InlineData("ask --bogus What?", "--bogus is no option of tessera ask; --help lists them.")]
    [InlineData("inspct x", "'inspct' is no command of tessera; did you mean inspect?")]
    [InlineData("frobnicate", "'frobnicate' is no command of tessera; --help lists them.")]
    public async Task A_name_that_is_not_there(string arguments, string expected)
    {
        CliRun run = await CliProcess.RunAsync(arguments.Split(' '));
        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("tessera: ", run.Error, StringComparison.Ordinal);
        Assert.Contains(expected, run.Error.Split('\n')[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_that_is_not_there_in_a_chat()
    {
        CliRun run = await CliProcess.RunAsync(["chat"], "/foo\n/lok\n/params foo\n/params temprature 1\n"u8.ToArray());
        Assert.Equal(
            [
                "tessera: There is no command /foo; /help lists them.",
                "tessera: There is no command /lok; did you mean /look?",
                "tessera: There is no parameter foo; /params lists them.",
                "tessera: There is no parameter temprature; did you mean temperature?",
            ],
            run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)
        );
    }

    [Theory]
    [InlineData("{", "the schema is no JSON: Expected depth")]
    [InlineData("{'a':1}", "the schema is no JSON: ''' is an invalid start of a property name")]
    [InlineData("", "the schema is no JSON")]
    public async Task A_schema_that_is_no_JSON(string schema, string expected)
    {
        string path = folder.File("s.json", System.Text.Encoding.UTF8.GetBytes(schema));
        CliRun run = await CliRun.AskGoldenAsync("--schema", path, "What?");
        run.ShouldFail(1, path, expected, "(line 1, byte");
        Assert.DoesNotContain("deep", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_schema_that_nests_too_deep()
    {
        string text = string.Concat(Enumerable.Repeat("""{"items":""", 70)) + "{}" + new string('}', 70);
        string path = folder.File("s.json", System.Text.Encoding.UTF8.GetBytes(text));
        (await CliRun.AskGoldenAsync("--schema", path, "What?")).ShouldFail(1, "the schema nests more than 64 deep");
    }

    [Fact]
    public async Task The_address_of_a_file()
    {
        string odd = folder.File("my picture.png", File.ReadAllBytes(Picture));
        CliRun run = await CliRun.InProcessAsync("look", new Uri(odd).AbsoluteUri);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        (await CliRun.InProcessAsync("look", "file:///gone/cat.png")).ShouldFail(1, "cat.png: there is no such file");
        if (!OperatingSystem.IsWindows())
            (await CliRun.InProcessAsync("look", "file://elsewhere/cat.png")).ShouldFail(1, "not one of this machine");
    }

    [Fact]
    public async Task One_picture_is_no_pictures()
    {
        CliRun run = await CliProcess.RunAsync(["chat", "-i", Picture, "--max-tokens", "2"], "What?\n/stats\n"u8.ToArray());
        Assert.Contains("0 of 1 picture from the cache", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("1 pictures", run.Error, StringComparison.Ordinal);
    }
}
