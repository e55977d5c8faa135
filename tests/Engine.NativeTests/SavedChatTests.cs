using System.Runtime.InteropServices;
using System.Text.Json.Nodes;

namespace Tessera.Engine.NativeTests;

/// <summary>
/// Saved conversations that somebody has changed, their digests put right again. What is wrong with a conversation is one sentence; what
/// is wrong with what was computed from it is computed again; and neither reaches anybody else.
/// </summary>
public sealed class SavedChatTests(SavedChatTests.SavedChat saved) : IClassFixture<SavedChatTests.SavedChat>, IDisposable
{
    private static readonly GenerationOptions Greedy = new() { Temperature = 0, MaxTokens = 40 };
    private readonly string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.chat");

    public void Dispose() => File.Delete(path);

    [Fact]
    public async Task As_it_was_saved_nothing_is_computed_again()
    {
        GenerationResult answer = await ContinueAsync(static _ => { });
        Assert.Equal((saved.Second.Text, 1), (answer.Text, answer.CachedImageCount));
        Assert.True(answer.ReusedTokenCount > 64, $"{answer.ReusedTokenCount} positions");
    }

    public static TheoryData<string> States => [.. StateChanges.Keys];

    private static readonly Dictionary<string, Action<ChatForger>> StateChanges = new()
    {
        ["0x10000000 cells"] = static chat => chat.SetStateNumber(chat.CellCountPlace, 0x10000000),
        ["0x7fffffff cells"] = static chat => chat.SetStateNumber(chat.CellCountPlace, 0x7fffffff),
        ["0xffffffff cells"] = static chat => chat.SetStateNumber(chat.CellCountPlace, 0xffffffff),
        ["no cells"] = static chat => chat.SetStateNumber(chat.CellCountPlace, 0),
        ["two streams"] = static chat => chat.SetStateNumber(chat.CellCountPlace - 4, 2),
        ["a position twice"] = static chat => chat.SetStateNumber(chat.CellCountPlace + 4, 1),
        ["a position far out"] = static chat => chat.SetStateNumber(chat.CellCountPlace + 4, 0x7fffffff),
        ["a position below 0"] = static chat => chat.SetStateNumber(chat.CellCountPlace + 4, 0x80000000),
        ["a cell of many sequences"] = static chat => chat.SetStateNumber(chat.CellCountPlace + 8, 0x7fffffff),
        ["cut"] = static chat => chat.State = chat.State[..^1],
        ["nothing"] = static chat => chat.State = [],
        ["longer"] = static chat => chat.State = [.. chat.State, 0, 0, 0, 0],
        ["infinite numbers"] = static chat => chat.State.AsSpan(chat.State.Length / 2).Fill(0x7C),
        ["no numbers"] = static chat => chat.State.AsSpan(chat.State.Length / 2).Fill(0xFF),
        ["noise"] = static chat => new Random(1).NextBytes(chat.State.AsSpan(16)),
        ["keys of another length"] = static chat => chat["cache/keys"] = chat["cache/keys"][8..],
        ["keys of half a position"] = static chat => chat["cache/keys"] = chat["cache/keys"][4..],
        ["keys that are no tokens"] = static chat => chat["cache/keys"].AsSpan(0, 8).Fill(0x7F),
    };

    [Theory]
    [MemberData(nameof(States))]
    public async Task A_state_that_the_model_could_not_have_written_is_left_out(string change)
    {
        GenerationResult answer = await ContinueAsync(StateChanges[change]);
        Assert.Equal((saved.Second.Text, 0, 1), (answer.Text, answer.ReusedTokenCount, answer.CachedImageCount));
    }

    [Fact]
    public async Task A_length_anywhere_in_the_state_is_checked()
    {
        var chat = new ChatForger(saved.Path);
        int cells = (int)MemoryMarshal.Read<uint>(chat.State.AsSpan(chat.CellCountPlace)),
            header = chat.CellCountPlace + 4 + (12 * cells);
        // Transposition, layers, type and row length of the first layer's keys.
        foreach (int place in (int[])[header, header + 4, header + 8, header + 12, header + 16])
        {
            GenerationResult answer = await ContinueAsync(changed => changed.SetStateNumber(place, 0x01000001));
            Assert.Equal((saved.Second.Text, 0), (answer.Text, answer.ReusedTokenCount));
        }
    }

    public static TheoryData<string> Turns => [.. TurnChanges.Keys];

    private static readonly Dictionary<string, Action<ChatForger>> TurnChanges = new()
    {
        ["a turn that is null"] = static chat => chat.AllTurns.Add(null),
        ["a picture that is null"] = static chat => chat.FirstTurn["Pictures"] = new JsonArray((JsonNode?)null),
        ["a text that is null"] = static chat => chat.FirstTurn["Text"] = null,
        ["tokens that are too large"] = static chat => chat.FirstTurn["Ids"] = new JsonArray(99999999, 99999999),
        ["tokens below 0"] = static chat => chat.FirstTurn["Ids"] = new JsonArray(-5, -5),
        ["tokens that are null"] = static chat => chat.FirstTurn["Ids"] = new JsonArray((JsonNode?)null),
        ["limits below 1"] = static chat => chat.FirstTurn["MaxSlices"] = -1,
        ["tokens of pictures below 1"] = static chat => chat.FirstTurn["MaxImageTokens"] = 0,
        ["an overflow that there is not"] = static chat => chat.Manifest["Overflow"] = 99,
        ["a picture that there is not"] = static chat => chat.FirstTurn["Pictures"]![0]!["Entry"] = "pictures/9-9",
        ["a picture that is none"] = static chat => chat["pictures/0-0"] = [1, 2, 3],
        ["a place without a picture"] = static chat => chat.FirstTurn["Text"] = "<__media__> <__media__> what?",
        ["half a character"] = static chat => chat.FirstTurn["Text"] = "half",
        ["no turns"] = static chat => chat.Manifest.Remove(nameof(Turns)),
        ["another model"] = static chat => chat.Manifest["Model"] = "x",
        ["another format"] = static chat => chat.Manifest["Format"] = 7,
    };

    [Theory]
    [MemberData(nameof(Turns))]
    public async Task Turns_that_cannot_be_are_one_sentence(string change)
    {
        var chat = new ChatForger(saved.Path);
        TurnChanges[change](chat);
        chat.Write(path);
        if (change == "half a character")
            ReplaceInFile("\"half\"", "\"\\ud8\"");
        TesseraException refused = await Assert.ThrowsAsync<TesseraException>(() => saved.Model.LoadChatAsync(path));
        Assert.StartsWith(path, refused.Message, StringComparison.Ordinal);
        Assert.EndsWith(".", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tokens_that_spell_something_else_are_not_believed()
    {
        GenerationResult answer = await ContinueAsync(static chat => chat.FirstTurn["Ids"] = new JsonArray(1, 2, 3));
        Assert.Equal(saved.Second.Text, answer.Text);
    }

    [Fact]
    public async Task Embeddings_that_are_no_numbers_are_made_again()
    {
        GenerationResult answer = await ContinueAsync(static chat =>
        {
            chat.State = [];
            chat[EmbeddingsOf(chat)].AsSpan().Fill(0xFF);
        });
        Assert.Equal((saved.Second.Text, 0), (answer.Text, answer.CachedImageCount));
    }

    [Fact]
    public async Task What_a_file_says_was_computed_reaches_nobody_else()
    {
        var chat = new ChatForger(saved.Path);
        // The values of the last layer.
        chat.State.AsSpan(chat.State.Length - (chat.State.Length / 32)).Clear();
        chat[EmbeddingsOf(chat)].AsSpan().Clear();
        chat.Write(path);
        using MultimodalModel model = await SavedChat.LoadModelAsync();
        using ChatSession poisoned = await model.LoadChatAsync(path);
        using ChatSession other = model.StartChat();
        GenerationResult first = await LastAsync(other.SendStreamingAsync(saved.Message, Greedy));
        Assert.Equal((saved.First.Text, 0, 0), (first.Text, first.ReusedTokenCount, first.CachedImageCount));
        GenerationResult second = await LastAsync(poisoned.SendStreamingAsync(SavedChat.Next, Greedy));
        Assert.Equal(1, second.CachedImageCount);
        Assert.True(second.ReusedTokenCount > 64);
        Assert.Equal(saved.Second.Text, (await LastAsync(other.SendStreamingAsync(SavedChat.Next, Greedy))).Text);
    }

    [Fact]
    public async Task A_fork_shares_what_was_loaded_and_can_be_saved_again()
    {
        using MultimodalModel model = await SavedChat.LoadModelAsync();
        using ChatSession loaded = await model.LoadChatAsync(saved.Path);
        using ChatSession fork = loaded.Fork();
        Assert.True((await LastAsync(fork.SendStreamingAsync(SavedChat.Next, Greedy))).ReusedTokenCount > 64);
        await fork.SaveAsync(path);
        using MultimodalModel third = await SavedChat.LoadModelAsync();
        using ChatSession again = await third.LoadChatAsync(path);
        GenerationResult answer = await LastAsync(again.RegenerateStreamingAsync(Greedy));
        Assert.Equal((saved.Second.Text, 1), (answer.Text, answer.CachedImageCount));
        Assert.True(answer.ReusedTokenCount > 64);
    }

    [Fact]
    public async Task Only_regular_files_are_opened()
    {
        foreach (string name in (string[])["/dev/null", Path.GetTempPath(), path])
        {
            TesseraException refused = await Assert.ThrowsAsync<TesseraException>(() => saved.Model.LoadChatAsync(name));
            Assert.StartsWith(name, refused.Message, StringComparison.Ordinal);
        }

        Assert.True(ChatSession.IsSaved(saved.Path));
        Assert.False(ChatSession.IsSaved(path));
        Assert.False(ChatSession.IsSaved(RepositoryRoot.Path("samples", "shapes.png")));
    }

    private async Task<GenerationResult> ContinueAsync(Action<ChatForger> change)
    {
        var chat = new ChatForger(saved.Path);
        change(chat);
        chat.Write(path);
        using MultimodalModel model = await SavedChat.LoadModelAsync();
        using ChatSession loaded = await model.LoadChatAsync(path);
        return await LastAsync(loaded.SendStreamingAsync(SavedChat.Next, Greedy));
    }

    private void ReplaceInFile(string from, string to)
    {
        byte[] bytes = File.ReadAllBytes(path),
            what = System.Text.Encoding.ASCII.GetBytes(from);
        System.Text.Encoding.ASCII.GetBytes(to).CopyTo(bytes.AsSpan(bytes.AsSpan().IndexOf(what)));
        File.WriteAllBytes(path, bytes);
    }

    private static string EmbeddingsOf(ChatForger chat) =>
        chat.Names.Single(static name => name.StartsWith("embeddings/", StringComparison.Ordinal));

    private static async Task<GenerationResult> LastAsync(IAsyncEnumerable<GenerationUpdate> updates)
    {
        GenerationResult? result = null;
        await foreach (GenerationUpdate update in updates)
            result = update.Result ?? result;
        return result!;
    }

    /// <summary>A conversation of one turn with a picture, saved, and what comes of a second turn.</summary>
    public sealed class SavedChat : IAsyncLifetime
    {
        public static readonly UserMessage Next = new("What colour is the star?");

        public string Path { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"{Guid.NewGuid():N}.chat");

        public UserMessage Message { get; } =
            new("What is in this picture?")
            {
                Images = [new PromptImage(File.ReadAllBytes(RepositoryRoot.Path("samples", "shapes.png")), "shapes.png")],
            };

        public MultimodalModel Model { get; private set; } = null!;

        public GenerationResult First { get; private set; } = null!;

        public GenerationResult Second { get; private set; } = null!;

        public static Task<MultimodalModel> LoadModelAsync() =>
            MultimodalModel.LoadAsync(
                new ModelOptions
                {
                    ModelPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-Q8_0.gguf"),
                    ProjectorPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-mmproj-Q8_0.gguf"),
                    ThreadCount = 1,
                }
            );

        public async Task InitializeAsync()
        {
            Model = await LoadModelAsync();
            using ChatSession chat = Model.StartChat();
            First = await LastAsync(chat.SendStreamingAsync(Message, Greedy));
            await chat.SaveAsync(Path);
            Second = await LastAsync(chat.SendStreamingAsync(Next, Greedy));
        }

        public Task DisposeAsync()
        {
            Model.Dispose();
            File.Delete(Path);
            return Task.CompletedTask;
        }
    }
}
