using System.Text;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>Videos on the command line: what is looked at, asked about and refused.</summary>
public sealed class VideoTests
{
    private static readonly string Clip = Goldens.RepositoryPath("tests", "goldens", "pictures", "clip.gif");
    private static readonly string Frames = Goldens.RepositoryPath("tests", "goldens", "pictures", "clip");

    [Fact]
    public async Task A_look_tells_frames_and_tokens()
    {
        CliRun run = await CliRun.InProcessAsync("look", "--video", Clip, "--frames", "4");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("4 frames", run.Out, StringComparison.Ordinal);
        run = await CliRun.InProcessAsync("look", "--video", Frames, "--frames", "2", "--json");
        Assert.Contains("\"frames\":2", run.Out, StringComparison.Ordinal);
        Assert.DoesNotContain(
            "\"frames\"",
            (await CliRun.InProcessAsync("look", Goldens.Picture("shapes"), "--json")).Out,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Each_frame_costs_its_tokens_in_an_answer()
    {
        int[] tokens = [await ImageTokensAsync("2"), await ImageTokensAsync("4")];
        Assert.Equal(2 * tokens[0], tokens[1]);
    }

    [Fact]
    public async Task A_chat_takes_a_video_and_saves_it()
    {
        using var folder = new TemporaryFolder();
        string saved = folder.File("video.chat");
        CliRun first = await CliRun.InProcessAsync(
            ["chat", "--max-tokens", "3", "--frames", "3"],
            Encoding.UTF8.GetBytes($"/video {Clip}\nWhat?\n/save {saved}\n")
        );
        Assert.Contains("3 frames", first.Error, StringComparison.Ordinal);
        Assert.Equal(0, first.ExitCode);
        CliRun again = await CliRun.InProcessAsync(["chat"], Encoding.UTF8.GetBytes($"/load {saved}\n/look 1\n"));
        Assert.Equal(0, again.ExitCode);
        Assert.Contains("3 frames", again.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_no_video_is_refused_in_a_sentence()
    {
        (await CliRun.InProcessAsync("look", "--video", "nothing.mp4")).ShouldFail(1, "nothing.mp4");
        (await CliRun.InProcessAsync("look")).ShouldFail(2, "--video");
        (await CliRun.InProcessAsync("look", "--video", Clip, "--from", "5", "--to", "2")).ShouldFail(2, "--from", "--to");
        (await CliRun.InProcessAsync("look", "--video", Clip, "--frames", "0")).ShouldFail(2, "--frames");
    }

    private static async Task<int> ImageTokensAsync(string frames)
    {
        CliRun run = await CliRun.InProcessAsync("ask", "--video", Clip, "--frames", frames, "What?", "--max-tokens", "1", "--json");
        Assert.Equal(0, run.ExitCode);
        return run.Json.GetProperty("image_tokens").GetInt32();
    }
}
