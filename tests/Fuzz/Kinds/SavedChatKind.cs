using System.Runtime.ExceptionServices;
using Tessera.Fuzz.Mutation;

namespace Tessera.Fuzz.Kinds;

/// <summary>
/// Saved chats: loaded, and where that goes well continued beside another answer, which must not notice.
/// </summary>
internal sealed class SavedChatKind : FuzzKind
{
    private readonly MultimodalModel model = ModelFile.LoadGolden();
    private readonly Prompt bystander = new("What is \u00ABthis\u00BB?");
    private readonly string file;
    private readonly string undisturbed;
    private readonly SavedChatMutator mutator;

    public SavedChatKind(string folder)
    {
        file = Path.Combine(folder, "mutant.chat");
        undisturbed = AnswerAsync().GetAwaiter().GetResult();
        mutator = new SavedChatMutator([.. Enumerable.Range(0, 4).Select(number => SaveAsync(number).GetAwaiter().GetResult())]);
    }

    public override string Name => "saved-chat";

    public override byte[] Make(Random random) => mutator.Make(random);

    public override async Task<bool> TryAsync(byte[] input)
    {
        await File.WriteAllBytesAsync(file, input);
        using ChatSession chat = await model.LoadChatAsync(file);
        Task<string> other = AnswerAsync();
        Exception? refusal = await ContinueAsync(chat);
        string text = await other.ContinueWith(
            static done => done.IsFaulted ? $"failed with {done.Exception.InnerException!.Message}" : done.Result,
            TaskScheduler.Default
        );
        if (text != undisturbed)
            throw new InvalidOperationException($"Another answer {text}, but it {undisturbed} alone.");
        if (refusal is not null)
            ExceptionDispatchInfo.Throw(refusal);
        return true;
    }

    protected override void Free() => model.Dispose();

    private static async Task<Exception?> ContinueAsync(ChatSession chat)
    {
        try
        {
            foreach (ChatTurn turn in chat.Turns)
                _ = turn.Answer.Length + turn.Message.Text.Length + turn.Message.Images.Sum(static image => image.Name.Length);
            await foreach (GenerationUpdate _ in chat.SendStreamingAsync(new UserMessage("And \u00ABnow\u00BB?"), ModelFile.Short())) { }
            return null;
        }
        catch (Exception failure)
        {
            return failure;
        }
    }

    private async Task<string> AnswerAsync() => "is " + (await model.AnswerAsync(bystander, ModelFile.Short(4))).Text;

    // With and without pictures, turns and a system sentence.
    private async Task<byte[]> SaveAsync(int number)
    {
        using ChatSession chat = model.StartChat(new ChatSessionOptions { System = number % 2 == 0 ? null : "Be \u00ABbrief\u00BB." });
        for (int turn = 0; turn < number; turn++)
        {
            var message = new UserMessage($"Question {turn}") { Images = turn == 1 ? [ModelFile.Picture("line")] : [] };
            await foreach (GenerationUpdate _ in chat.SendStreamingAsync(message, ModelFile.Short(2))) { }
        }

        await chat.SaveAsync(file);
        return await File.ReadAllBytesAsync(file);
    }
}
