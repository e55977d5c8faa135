namespace Tessera.Engine.NativeTests;

/// <summary>Conversations whose cache is stored in eight bits are saved and go on; one of another type is computed again.</summary>
public sealed class CacheTypeTests : IDisposable
{
    private static readonly GenerationOptions Greedy = new() { Temperature = 0, MaxTokens = 24 };
    private static readonly UserMessage Next = new("What colour is the star?");
    private readonly string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.chat");

    public void Dispose() => File.Delete(path);

    [Theory]
    [InlineData(CacheType.Q8_0, CacheType.Q8_0, true)]
    [InlineData(CacheType.Q8_0, CacheType.F16, false)]
    [InlineData(CacheType.F16, CacheType.Q8_0, false)]
    public async Task A_saved_chat_goes_on_in_a_cache_of_its_type(CacheType saved, CacheType loaded, bool isReused)
    {
        string expected;
        using (MultimodalModel model = await LoadAsync(saved))
        {
            using ChatSession chat = model.StartChat();
            var first = new UserMessage("What is in this picture?")
            {
                Images = [new PromptImage(File.ReadAllBytes(RepositoryRoot.Path("samples", "shapes.png")), "shapes.png")],
            };
            await LastAsync(chat.SendStreamingAsync(first, Greedy));
            await chat.SaveAsync(path);
            expected = (await LastAsync(chat.SendStreamingAsync(Next, Greedy))).Text;
        }

        using MultimodalModel other = await LoadAsync(loaded);
        using ChatSession again = await other.LoadChatAsync(path);
        GenerationResult answer = await LastAsync(again.SendStreamingAsync(Next, Greedy));
        Assert.Equal(isReused, answer.ReusedTokenCount > 64);
        if (isReused)
            Assert.Equal(expected, answer.Text);
        else
            Assert.Equal(0, answer.ReusedTokenCount);
    }

    private static Task<MultimodalModel> LoadAsync(CacheType type) =>
        MultimodalModel.LoadAsync(
            new ModelOptions
            {
                ModelPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-Q8_0.gguf"),
                ProjectorPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-mmproj-Q8_0.gguf"),
                CacheType = type,
                ThreadCount = 1,
            }
        );

    private static async Task<GenerationResult> LastAsync(IAsyncEnumerable<GenerationUpdate> updates)
    {
        GenerationResult? result = null;
        await foreach (GenerationUpdate update in updates)
            result = update.Result ?? result;
        return result!;
    }
}
