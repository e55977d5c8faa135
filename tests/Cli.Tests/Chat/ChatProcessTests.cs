using System.Diagnostics;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests.Chat;

/// <summary>Chats in a process of their own, through pipes.</summary>
public sealed class ChatProcessTests
{
    [Fact]
    public async Task An_answer_comes_before_the_next_message_is_written()
    {
        using Process chat = Start("chat", "--temperature", "0", "-i", Goldens.RepositoryPath("samples", "shapes.png"));
        await chat.StandardInput.WriteLineAsync("What colour is the star?");
        Assert.Equal("Yellow.", await chat.StandardOutput.ReadLineAsync().WaitAsync(Patience.Limit));
        await chat.StandardInput.WriteLineAsync("What colour is the diamond?");
        Assert.Equal("Purple.", await chat.StandardOutput.ReadLineAsync().WaitAsync(Patience.Limit));
        chat.StandardInput.Close();
        Assert.Equal("", await chat.StandardOutput.ReadToEndAsync().WaitAsync(Patience.Limit));
        Assert.Equal("shapes.png: 328 x 328, 1 slice, 64 tokens\n", await chat.StandardError.ReadToEndAsync().WaitAsync(Patience.Limit));
        await chat.WaitForExitAsync().WaitAsync(Patience.Limit);
        Assert.Equal(0, chat.ExitCode);
    }

    [UnixFact]
    public async Task An_interrupt_stops_the_answer_and_keeps_the_chat_and_one_at_rest_ends_it()
    {
        using Process chat = Start(["chat", "-m", Goldens.Language, "--temperature", "0", .. CliRun.Endless]);
        // It was not trained with so much context.
        await chat.StandardError.ReadLineAsync().WaitAsync(Patience.Limit);
        await chat.StandardInput.WriteLineAsync("Hello");
        var first = new char[1];
        await chat.StandardOutput.ReadAsync(first.AsMemory()).AsTask().WaitAsync(Patience.Limit);
        await InterruptAsync(chat);
        Assert.Equal("Stopped; the conversation is as it was before.", await chat.StandardError.ReadLineAsync().WaitAsync(Patience.Limit));
        await Task.Delay(TimeSpan.FromSeconds(1.2));
        await chat.StandardInput.WriteLineAsync("/regen");
        Assert.Equal("tessera: The conversation has no message yet.", await chat.StandardError.ReadLineAsync().WaitAsync(Patience.Limit));
        await InterruptAsync(chat);
        await chat.WaitForExitAsync().WaitAsync(Patience.Limit);
        Assert.Equal(130, chat.ExitCode);
    }

    private static Process Start(params string[] arguments) => Process.Start(CliProcess.StartInfo(arguments))!;

    private static async Task InterruptAsync(Process process)
    {
        using var kill = Process.Start("kill", ["-INT", $"{process.Id}"]);
        await kill.WaitForExitAsync();
    }
}
