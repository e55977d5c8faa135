using Tessera.Fuzz.Mutation;

namespace Tessera.Fuzz.Soak;

/// <summary>One of those who use a model at the same time: holds conversations, cancels, forks, repeats, saves and loads.</summary>
/// <param name="soaked">The conversations and their lone answers.</param>
/// <param name="model">The model, which is disposed at some time.</param>
/// <param name="newFile">Names a file that is not there yet.</param>
/// <param name="random">Chooses what is done.</param>
internal sealed class SoakUser(SoakModel soaked, MultimodalModel model, Func<string> newFile, Random random)
{
    /// <summary>Goes on until it is cancelled and the model is disposed.</summary>
    public async Task UseAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await HoldAsync(random.Pick(soaked.Scripts));
            }
            catch (ObjectDisposedException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure)
            {
                soaked.Counts.Fail($"{failure.GetType().Name}: {failure}");
            }
        }
    }

    private async Task HoldAsync(SoakScript script)
    {
        ChatSession chat = script.Start(model);
        try
        {
            for (int turn = 0; turn < script.Messages.Count; turn++)
            {
                (UserMessage message, SoakAnswer alone) = (script.Messages[turn], script.Answers[turn]);
                // After another answer the questions are not the same any more.
                bool? isSame = random.OneIn(4) ? await IsSameUnlessCancelledAsync(chat, message, alone) : null;
                if (isSame == false)
                    return;
                if (isSame == true)
                    continue;
                if (random.OneIn(5))
                    await ForkAsync(chat, message, alone);
                if (random.OneIn(6))
                    chat = await ReloadAsync(chat);
                if (!await IsSameAsync(options => chat.SendStreamingAsync(message, options), alone, "answered"))
                    return;
                if (random.OneIn(6) && !await IsSameAsync(options => chat.RegenerateStreamingAsync(options), alone, "answered again"))
                    return;
            }
        }
        finally
        {
            chat.Dispose();
        }
    }

    // Null if it was cancelled before it was over.
    private async Task<bool?> IsSameUnlessCancelledAsync(ChatSession chat, UserMessage message, SoakAnswer alone)
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(random.Next(12)));
        try
        {
            return await IsSameAsync(
                options => chat.SendStreamingAsync(message, options, cancellationToken: stop.Token),
                alone,
                "answered before it was cancelled"
            );
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            soaked.Counts.AddCancellation();
            return null;
        }
    }

    private async Task ForkAsync(ChatSession chat, UserMessage message, SoakAnswer alone)
    {
        using ChatSession fork = chat.Fork();
        await IsSameAsync(options => fork.SendStreamingAsync(message, options), alone, "answered in a fork");
    }

    private async Task<ChatSession> ReloadAsync(ChatSession chat)
    {
        string file = newFile();
        await chat.SaveAsync(file);
        ChatSession loaded = await model.LoadChatAsync(file);
        File.Delete(file);
        chat.Dispose();
        return loaded;
    }

    private async Task<bool> IsSameAsync(Func<GenerationOptions, IAsyncEnumerable<GenerationUpdate>> ask, SoakAnswer alone, string how)
    {
        var comparison = new AnswerComparison(alone);
        string text = await SoakScript.TextOfAsync(ask(SoakScript.Greedy(comparison.Watch)));
        soaked.Counts.Add(comparison, text == alone.Text, $"'{text}' was {how}, alone '{alone.Text}'");
        return text == alone.Text;
    }
}
