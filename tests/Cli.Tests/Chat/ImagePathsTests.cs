using Tessera.Cli.Chat;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests.Chat;

public sealed class ImagePathsTests
{
    private static readonly ImagePaths Paths = new(static path =>
        path is "/p/cat.png" or "/p/my cat.png" or "dog.jpg" or "/p/it's.png" or "Pictures/my picture (1).png"
        || path == Path.Combine(Home, "home.png")
    );

    private static string Home => Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);

    [Theory]
    [InlineData("what is this?", "what is this?", "")]
    [InlineData("/p/cat.png", "", "/p/cat.png")]
    [InlineData("  '/p/cat.png' ", "", "/p/cat.png")]
    [InlineData("/p/my cat.png", "", "/p/my cat.png")]
    [InlineData("/p/my\\ cat.png ", "", "/p/my cat.png")]
    [InlineData("\"/p/my cat.png\" what is it?", "what is it?", "/p/my cat.png")]
    [InlineData("'/p/my cat.png' what is it?", "what is it?", "/p/my cat.png")]
    [InlineData("'/p/it'\\''s.png'", "", "/p/it's.png")]
    [InlineData("file:///p/my%20cat.png", "", "/p/my cat.png")]
    [InlineData("file://localhost/p/cat.png what?", "what?", "/p/cat.png")]
    [InlineData("what is in dog.jpg?", "what is in?", "dog.jpg")]
    [InlineData("what is in\n/p/cat.png", "what is in", "/p/cat.png")]
    [InlineData("/p/cat.png dog.jpg which?", "which?", "/p/cat.png dog.jpg")]
    [InlineData("compare /p/cat.png and dog.jpg.", "compare <__media__> and <__media__>.", "/p/cat.png dog.jpg")]
    [InlineData("~/home.png", "", "~/home.png")]
    [InlineData("it's the dog's", "it's the dog's", "")]
    [InlineData("a \"quoted word\" stays", "a \"quoted word\" stays", "")]
    [InlineData("  keeps   blanks ", "  keeps   blanks ", "")]
    [InlineData("http://host/p/cat.png", "", "http://host/p/cat.png")]
    [InlineData("http://host/p/cat.jpg?size=1 what?", "what?", "http://host/p/cat.jpg?size=1")]
    [InlineData("what is http://host/cat.jpg?", "what is?", "http://host/cat.jpg")]
    [InlineData("read http://host/page now", "read http://host/page now", "")]
    [InlineData("Pictures/my picture (1).png what is this?", "what is this?", "Pictures/my picture (1).png")]
    [InlineData("what is in Pictures/my picture (1).png?", "what is in?", "Pictures/my picture (1).png")]
    [InlineData("is /p/my cat.png like dog.jpg or not?", "is <__media__> like <__media__> or not?", "/p/my cat.png dog.jpg")]
    [InlineData("is a .png better than a JPEG?", "is a .png better than a JPEG?", "")]
    [InlineData("2 * 3 is?", "2 * 3 is?", "")]
    public void Pictures_in_a_line_are_found(string line, string text, string paths)
    {
        LineWithImages found = Paths.Find(line);
        Assert.Equal(text, found.Text);
        Assert.Equal(paths.Replace("~", Home, StringComparison.Ordinal), string.Join(' ', found.Paths));
    }

    [Theory]
    [InlineData("/gone/cat.png what is it?")]
    [InlineData("what is '/gone/cat.png'?")]
    [InlineData("file:///gone/cat.png")]
    [InlineData("compare dog.jpg and /gone/cat.png please")]
    public void A_picture_that_is_gone_is_no_question(string line) =>
        Assert.Contains(
            "/gone/cat.png: there is no such file.",
            Assert.Throws<ImageException>(() => Paths.Find(line)).Message,
            StringComparison.Ordinal
        );

    [Theory]
    [InlineData("Pictures/my cat.png what?", "Pictures/my cat.png: there is no such file.")]
    [InlineData("nope.png what?", "nope.png: there is no such file.")]
    [InlineData("*.webp what?", "*.webp: no picture has such a name.")]
    [InlineData("report.pdf#x what?", "report.pdf#x: pages are named as in report.pdf#3")]
    [InlineData("file://other-host/p/cat.png", "file://other-host/p/cat.png: this address is not one of this machine")]
    public void What_looks_like_a_picture_and_is_none_is_told(string line, string expected) =>
        Assert.StartsWith(expected, Assert.Throws<ImageException>(() => Paths.Find(line)).Message, StringComparison.Ordinal);

    [Fact]
    public void Files_are_told_by_their_first_bytes()
    {
        using var folder = new TemporaryFolder();
        string text = folder.File("text.png", "no picture"u8),
            picture = folder.File("named wrong.txt", File.ReadAllBytes(Goldens.RepositoryPath("samples", "heart.png")));
        Assert.False(PromptImage.IsImageFile(text));
        Assert.True(PromptImage.IsImageFile(picture));
        Assert.Equal([picture], ImagePaths.OfThisMachine.Find($"'{picture}' what?").Paths);
        Assert.Throws<ImageException>(() => ImagePaths.OfThisMachine.Find(text));
    }

    [Theory]
    [InlineData("/image x y", "/image", "x y")]
    [InlineData(" /exit ", "/exit", "")]
    [InlineData("/home/me/cat.png what?", null, null)]
    [InlineData("/cat.png", null, null)]
    [InlineData("//escaped", null, null)]
    [InlineData("hello /exit", null, null)]
    public void Commands_are_told_from_messages(string line, string? name, string? arguments) =>
        Assert.Equal((name, arguments), SlashCommand.Parse(line) is { } command ? command : (null, null));

    [Theory]
    [InlineData("/imge", "/image")]
    [InlineData("/regenerate", "/regen")]
    [InlineData("/par", "/params")]
    [InlineData("/lkoo", "/look")]
    public void The_nearest_command_is_offered(string typed, string expected) =>
        Assert.Equal(expected, NearestName.Find(typed, SlashCommand.Names));
}
