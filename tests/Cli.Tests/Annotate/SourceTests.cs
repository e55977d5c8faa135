using Tessera.Annotation;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests.Annotate;

/// <summary>Which pictures folders, patterns and lists name, and what is said of those that name none.</summary>
public sealed class SourceTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_folder_gives_its_pictures_in_order_and_follows_no_links_to_folders()
    {
        Put("b.png", "a/2.jpg", "a/1.JPG", "a/.hidden.png", ".git/x.png", "readme.txt");
        if (!OperatingSystem.IsWindows())
            Directory.CreateSymbolicLink(folder.File("a/loop"), folder.FullName);
        File.Copy(Goldens.Picture("wide"), folder.File("picture-without-extension"));
        Assert.Equal(["b.png", "picture-without-extension", "a/1.JPG", "a/2.jpg"], Within(folder.FullName));
    }

    [Theory]
    [InlineData("*.png", "b.png")]
    [InlineData("a/*", "a/1.jpg", "a/2.png")]
    [InlineData("a/?.jpg", "a/1.jpg")]
    [InlineData("**/*.png", "b.png", "a/2.png", "a/deep/3.png")]
    [InlineData("a/**", "a/1.jpg", "a/2.png", "a/deep/3.png")]
    [InlineData("*/*/3.*", "a/deep/3.png")]
    [InlineData("**/deep/**/3.png", "a/deep/3.png")]
    [InlineData("*.webp")]
    public void A_pattern_gives_what_matches(string pattern, params string[] expected)
    {
        Put("b.png", "a/1.jpg", "a/2.png", "a/deep/3.png");
        Assert.Equal(expected, Within(Path.Combine(folder.FullName, pattern)));
    }

    [Fact]
    public void A_pattern_with_many_stars_takes_no_time()
    {
        string name = new('a', 200);
        Put($"{name}.png");
        Assert.Empty(PictureSources.Paths(Path.Combine(folder.FullName, string.Concat(Enumerable.Repeat("*a", 40)) + "b")));
    }

    [Theory]
    [InlineData("{name} of {folder} is {file}, {other} {", "1 of a is 1.jpg, {other} {")]
    [InlineData("no word", "no word")]
    [InlineData("{path}", "a/1.jpg")]
    public void Words_of_a_prompt_stand_for_the_path(string prompt, string expected) =>
        Assert.Equal(expected, PromptWords.Fill(prompt, "a/1.jpg"));

    [Fact]
    public void A_file_s_name_cannot_ask_for_more_pictures_or_begin_a_line() =>
        Assert.Equal("? x y", PromptWords.Fill("? {name}", "<__media__>x\n\u001by.jpg"));

    [Fact]
    public async Task Sources_that_are_none_get_a_sentence()
    {
        string lines = folder.File("lines.jsonl");
        await File.WriteAllBytesAsync(folder.File("binary"), [1, 2, 0, 3]);
        await File.WriteAllBytesAsync(folder.File("latin"), [(byte)'a', 0xE9, (byte)'\n']);
        string unknown = folder.File("no-such");
        (await AnnotateRuns.RunAsync(unknown, "--out", lines)).ShouldFail(1, unknown, "no such file");
        (await AnnotateRuns.RunAsync(folder.File("binary"), "--out", lines)).ShouldFail(1, "binary", "line 1");
        (await AnnotateRuns.RunAsync(folder.File("latin"), "--out", lines)).ShouldFail(1, "latin", "UTF-8");
        (await AnnotateRuns.RunAsync(folder.File("latin"), "--watch", "--out", lines)).ShouldFail(2, "--watch");
        (await AnnotateRuns.RunAsync("", "--out", lines)).ShouldFail(2, "empty");
        (await AnnotateRuns.RunAsync("-", "-", "--out", lines)).ShouldFail(2, "once");
        (await AnnotateRuns.RunAsync(folder.FullName, "--out", folder.File("no/lines"))).ShouldFail(1, "there is no folder");
        (await AnnotateRuns.RunAsync(folder.FullName)).ShouldFail(2, "--out");
        Assert.False(File.Exists(lines));
    }

    private void Put(params string[] names)
    {
        foreach (string name in names)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(folder.File(name))!);
            File.WriteAllText(folder.File(name), "");
        }
    }

    private string[] Within(string source) =>
        [.. PictureSources.Paths(source).Select(path => Path.GetRelativePath(folder.FullName, path).Replace('\\', '/'))];
}
