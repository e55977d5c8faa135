using Tessera.Cli.Chat;
using Tessera.Cli.Chat.Editing;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests.Chat;

public sealed class ChatCompletionTests
{
    [Theory]
    [InlineData("/i", "/image ")]
    [InlineData("/s", "/screenshot |/save |/system |/schema |/stats ")]
    [InlineData("/nothing", "")]
    [InlineData("hello", "")]
    [InlineData("/params top", "top-k |top-p ")]
    [InlineData("/params top-k 3 mi", "min-p ")]
    [InlineData("/regen ", "")]
    public void Commands_and_parameters_are_completed(string text, string candidates) =>
        Assert.Equal(candidates, string.Join('|', ChatCompletion.Find(text).Candidates));

    [Fact]
    public void After_image_only_folders_and_pictures_are_offered()
    {
        using var folder = new TemporaryFolder();
        byte[] picture = File.ReadAllBytes(Goldens.RepositoryPath("samples", "heart.png"));
        folder.File("my cat.png", picture);
        folder.File("my notes.txt", "text"u8);
        folder.File(".hidden.png", picture);
        Directory.CreateDirectory(folder.File("my folder"));
        string path = folder.FullName + Path.DirectorySeparatorChar;
        string typed = $"/image {TypedPath.Quote(path)}";
        Assert.Equal(
            [TypedPath.Quote(path + "my cat.png") + " ", TypedPath.Quote(path + "my folder") + Path.DirectorySeparatorChar],
            ChatCompletion.Find(typed).Candidates
        );
        Assert.Equal(3, ChatCompletion.Find(typed.Replace("/image", "/load", StringComparison.Ordinal)).Candidates.Count);

        // What Tab leaves can be completed further, and read back.
        Completion further = ChatCompletion.Find(typed + TypedPath.Quote("my c"));
        Assert.Equal([TypedPath.Quote(path + "my cat.png") + " "], further.Candidates);
        Assert.Equal(7, further.Start);
        Assert.Equal(path + "my cat.png", TypedPath.Resolve(further.Candidates[0]));
        Assert.Empty(ChatCompletion.Find($"/image {path}gone/x").Candidates);
        Assert.Single(ChatCompletion.Find(typed + ".h").Candidates);
    }
}
