using System.Threading.Channels;
using Tessera.Answers;
using Tessera.Text.Scheduling;

namespace Tessera.Engine.Tests.Text;

public class AnswerEndTests
{
    // One round in a hundred meets .NET's race between the last read and the completion.
    private const int Rounds = 3000;

    [Fact]
    public async Task An_end_is_seen_however_the_last_piece_and_the_completion_meet()
    {
        using var meeting = new Barrier(2);
        var channels = new Channel<AnswerPiece>[Rounds];
        for (int round = 0; round < Rounds; round++)
            channels[round] = Channel.CreateUnbounded<AnswerPiece>(
                new UnboundedChannelOptions { SingleReader = true, SingleWriter = true }
            );
        var writer = new Thread(() =>
        {
            foreach (Channel<AnswerPiece> channel in channels)
            {
                meeting.SignalAndWait();
                channel.Writer.TryWrite(new AnswerPiece("end", 1, 1));
                channel.Writer.TryComplete();
            }
        })
        {
            IsBackground = true,
        };
        writer.Start();

        foreach (Channel<AnswerPiece> channel in channels)
        {
            meeting.SignalAndWait();
            for (var spin = new SpinWait(); !channel.Reader.TryRead(out _); spin.SpinOnce(sleep1Threshold: -1)) { }
            await Task.Run(() => AnswerRun.EndAsync(channel.Reader)).WaitAsync(Patience.Limit);
        }

        writer.Join();
    }

    [Fact]
    public async Task A_failed_answer_is_over_too()
    {
        var channel = Channel.CreateUnbounded<AnswerPiece>();
        channel.Writer.TryWrite(new AnswerPiece("left unread", 1, 1));
        Task ended = AnswerRun.EndAsync(channel.Reader);
        Assert.False(ended.IsCompleted);
        channel.Writer.TryComplete(new InvalidOperationException());
        await ended.WaitAsync(Patience.Limit);
    }
}
