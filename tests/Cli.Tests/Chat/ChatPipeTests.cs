using System.Text;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests.Chat;

/// <summary>Chats through pipes, with the model that comes with Tessera, greedily.</summary>
public sealed class ChatPipeTests
{
    private static readonly string Shapes = Goldens.RepositoryPath("samples", "shapes.png"),
        Heart = Goldens.RepositoryPath("samples", "heart.png");

    [Fact]
    public async Task Each_line_is_a_message_and_only_answers_are_on_standard_output()
    {
        CliRun run = await ChatAsync(["-i", Shapes], "What is in this picture?", "", "What colour is the star?");
        Assert.Equal(0, run.ExitCode);
        Assert.Equal("This is a yellow star and a purple diamond.\nYellow.\n", run.Out);
        Assert.Equal("shapes.png: 328 x 328, 1 slice, 64 tokens\n", run.Error);
    }

    [Fact]
    public async Task An_answer_is_that_of_ask()
    {
        CliRun chat = await ChatAsync([], $"What is in {Heart}?"),
            ask = await CliRun.InProcessAsync("ask", "-i", Heart, "--temperature", "0", "What is in?");
        Assert.Equal(ask.Out, chat.Out);
        Assert.Equal("heart.png: 315 x 315, 1 slice, 64 tokens\n", chat.Error);
    }

    [Fact]
    public async Task The_last_line_needs_no_end_and_a_carriage_return_is_none_of_it()
    {
        CliRun run = await ChatAsync([], Encoding.UTF8.GetBytes($"/image {Shapes}\r\nWhat colour is the star?"));
        Assert.Equal("Yellow.\n", run.Out);
    }

    [Fact]
    public async Task Failures_are_one_sentence_and_the_chat_goes_on()
    {
        using var folder = new TemporaryFolder();
        string damaged = folder.File("damaged.chat", "PK no zip"u8),
            cut = folder.File("cut.png", File.ReadAllBytes(Shapes).AsSpan(0, 12));
        string tooLong = string.Concat(Enumerable.Repeat("word ", 3000));
        string[] lines =
        [
            "/imge x",
            "/image gone.png",
            $"/image {cut}",
            $"/load {damaged}",
            "/load gone.chat",
            "/save",
            "/save \"\"",
            "/save /gone/x.chat",
            $"/save {folder.FullName}",
            "/load ''",
            "/image \"\"",
            "/image a\0b.png",
            "/look \"\"",
            "/regen",
            "/edit x",
            "/edit",
            "/stats",
            "/look",
            "/look 3",
            "/fork 7",
            "/params temprature 1",
            "/params top-p 7",
            "/params seed",
            "/gone/cat.png what?",
            tooLong,
            "<__media__> without a picture",
            "Hello",
        ];
        CliRun run = await ChatAsync([], lines);
        Assert.Equal(1, run.ExitCode);
        Assert.Single(run.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        string[] errors = run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(lines.Length - 1, errors.Length);
        Assert.All(
            errors,
            static error =>
            {
                Assert.StartsWith("tessera: ", error, StringComparison.Ordinal);
                Assert.True(error[^1] is '.' or '?', error);
            }
        );
        Assert.Contains("There is no command /imge; did you mean /image?", errors[0], StringComparison.Ordinal);
        Assert.Contains("gone.png: there is no such file.", errors[1], StringComparison.Ordinal);
        Assert.Contains("cut.png", errors[2], StringComparison.Ordinal);
        Assert.Contains("damaged.chat", errors[3], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_conversation_can_be_saved_loaded_forked_edited_and_cleared()
    {
        using var folder = new TemporaryFolder();
        string saved = folder.File("my chat");
        CliRun run = await ChatAsync(
            ["-i", Shapes],
            "What colour is the star?",
            $"/save {saved}",
            "/fork",
            "/edit What is in this picture?",
            "/fork 1",
            "/regen",
            "/clear",
            $"/load {saved}",
            "What colour is the diamond?"
        );
        Assert.Equal("Yellow.\nThis is a yellow star and a purple diamond.\nYellow.\nPurple.\n", run.Out);
        Assert.Equal(
            [
                "shapes.png: 328 x 328, 1 slice, 64 tokens",
                "Saved 1 message and 1 picture in " + saved + ".",
                "This is conversation 2 now, a copy of 1; /fork 1 goes back to it.",
                "This is conversation 1, with 1 message and 1 picture.",
                "The conversation is empty.",
                "Loaded 1 message and 1 picture.",
                "The last one: What colour is the star?",
                "Yellow.",
            ],
            run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)
        );
    }

    [Fact]
    public async Task A_saved_conversation_never_replaces_a_picture()
    {
        using var folder = new TemporaryFolder();
        string picture = folder.File("cat.png", File.ReadAllBytes(Shapes));
        CliRun run = await ChatAsync([], $"/save {picture}");
        Assert.Contains("there is a file of this name that is no saved conversation", run.Error, StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes(Shapes), File.ReadAllBytes(picture));
    }

    [Fact]
    public async Task Statistics_show_what_was_kept()
    {
        CliRun run = await ChatAsync(["-i", Shapes], "What colour is the star?", "What colour is the diamond?", "/stats");
        Assert.Contains("1 of 1 picture from the cache", run.Error, StringComparison.Ordinal);
        Assert.Matches("prefill +[0-9.]+ ms, [1-9][0-9]+ of [0-9]+ tokens from the cache", run.Error);
        Assert.Matches("first token +[0-9.]+ ms\n", run.Error);
        Assert.Matches("decode .* per second\n", run.Error);
        Assert.Contains("of 2048 tokens, 64 for pictures", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Parameters_and_the_system_sentence_are_shown_and_set()
    {
        CliRun run = await ChatAsync(
            [],
            "/params max-tokens=2 seed 5",
            "/params",
            "Hello",
            "/system Be brief.",
            "/system",
            "/system default"
        );
        Assert.Matches("max-tokens 2 .*\nseed 5 .*\ntemperature 0 ", run.Error);
        Assert.Contains(
            "The answer was cut after 2 tokens: /params max-tokens N allows more.\nSystem sentence: Be brief.\nSystem sentence: Be brief.\nSystem sentence: the "
                + "model's own.\n",
            run.Error,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Look_shows_the_plan_and_help_every_command()
    {
        CliRun run = await ChatAsync(["-i", Shapes], "/look", "/look 1", $"/look {Heart}", "/help", "/exit", "never asked");
        Assert.Equal("", run.Out);
        Assert.Equal(2, run.Error.Split("shapes.png\npicture  328 x 328\n").Length - 1);
        Assert.Contains("heart.png\npicture  315 x 315\n", run.Error, StringComparison.Ordinal);
        foreach (string name in Tessera.Cli.Chat.SlashCommand.Names)
            Assert.Matches($"\n{name} .*[a-z]", "\n" + run.Error);
        Assert.DoesNotContain('\e', run.Error);
    }

    [Fact]
    public async Task A_line_that_no_context_holds_is_skipped()
    {
        CliRun run = await ChatAsync([], new string('x', 1_000_001), "/help");
        Assert.StartsWith(
            "tessera: The line has more than 1000000 characters, so it was skipped.\n/image",
            run.Error,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Wrong_usage_and_missing_pictures_end_before_the_chat()
    {
        (await CliRun.InProcessAsync("chat", "-i", "-")).ShouldFail(2, "'-'");
        (await CliRun.InProcessAsync("chat", "-i", "gone.png")).ShouldFail(1, "gone.png");
    }

    private static Task<CliRun> ChatAsync(string[] arguments, params string[] lines) =>
        ChatAsync(arguments, Encoding.UTF8.GetBytes(string.Concat(lines.Select(static line => line + "\n"))));

    private static Task<CliRun> ChatAsync(string[] arguments, byte[] input) =>
        CliRun.InProcessAsync(["chat", "--temperature", "0", .. arguments], input);
}
