using Tessera.Engine.NativeTests.Goldens;
using Tessera.Gguf;

namespace Tessera.Engine.NativeTests.GraphLanguages;

/// <summary>Conversations with a language model that looks at pictures: what is reused, saved, kept apart and refused.</summary>
public sealed class MemoryChatTests : IDisposable
{
    private static readonly GoldenCase Golden = GoldenCase.Find("llama-3.2-vision");
    private static readonly GenerationOptions Greedy = new() { Temperature = 0, MaxTokens = 8 };
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("tessera-memory-");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task A_second_question_finds_the_picture_and_what_was_said()
    {
        using MultimodalModel model = await LoadAsync();
        using ChatSession chat = model.StartChat();
        GenerationResult first = await chat.SendAsync(new UserMessage("What is this?") { Images = [Golden.Image("shapes")] }, Greedy);
        GenerationResult second = await chat.SendAsync(new UserMessage("And its colour?"), Greedy);
        Assert.Equal(0, first.ReusedTokenCount);
        Assert.Equal(1, second.CachedImageCount);
        Assert.True(second.ReusedTokenCount >= first.PromptTokenCount, $"{second.ReusedTokenCount} of {second.PromptTokenCount}");

        // As if it had been said at once.
        using MultimodalModel other = await LoadAsync();
        using ChatSession fresh = other.StartChat();
        await fresh.SendAsync(new UserMessage("What is this?") { Images = [Golden.Image("shapes")] }, Greedy);
        await other.AnswerAsync(new Prompt("Elsewhere"), Greedy);
        Assert.Equal(second.TokenIds, (await fresh.SendAsync(new UserMessage("And its colour?"), Greedy)).TokenIds);
    }

    [Fact]
    public async Task The_same_words_about_another_picture_share_nothing()
    {
        using MultimodalModel model = await LoadAsync();
        Prompt About(string picture) => new("What is this?") { Images = [Golden.Image(picture)] };
        GenerationResult shapes = await model.AnswerAsync(About("shapes"), Greedy);
        GenerationResult dark = await model.AnswerAsync(About("dark"), Greedy);
        Assert.Equal(0, dark.ReusedTokenCount);
        Assert.NotEqual(shapes.TokenIds, dark.TokenIds);
        GenerationResult again = await model.AnswerAsync(About("shapes"), Greedy);
        Assert.Equal(shapes.TokenIds, again.TokenIds);
        Assert.True(again.ReusedTokenCount > 0);
    }

    [Fact]
    public async Task Conversations_about_several_pictures_run_at_once()
    {
        string[] pictures = ["shapes", "dark", "wide", "small"];
        using MultimodalModel alone = await LoadAsync();
        using MultimodalModel together = await LoadAsync();
        Prompt[] prompts =
        [
            new("What is this?"),
            .. pictures.Select(static name => new Prompt("What is this?") { Images = [Golden.Image(name)] }),
        ];
        var expected = new List<IReadOnlyList<int>>();
        foreach (Prompt prompt in prompts)
            expected.Add((await alone.AnswerAsync(prompt, Greedy)).TokenIds);
        GenerationResult[] results = await Task.WhenAll(prompts.Select(prompt => together.AnswerAsync(prompt, Greedy)));
        Assert.Equal(expected, results.Select(static result => result.TokenIds));
    }

    [Theory]
    [InlineData(CacheType.F16)]
    [InlineData(CacheType.Q8_0)]
    public async Task A_saved_conversation_goes_on_as_it_would_have(CacheType type)
    {
        string path = Path.Combine(folder.FullName, "saved.chat");
        GenerationResult expected;
        using (MultimodalModel model = await LoadAsync(type))
        {
            using ChatSession chat = model.StartChat();
            await chat.SendAsync(new UserMessage("What is this?") { Images = [Golden.Image("shapes")] }, Greedy);
            await chat.SaveAsync(path);
            expected = await chat.SendAsync(new UserMessage("And its colour?"), Greedy);
        }

        using MultimodalModel later = await LoadAsync(type);
        using ChatSession restored = await later.LoadChatAsync(path);
        GenerationResult result = await restored.SendAsync(new UserMessage("And its colour?"), Greedy);
        Assert.Equal(expected.TokenIds, result.TokenIds);
        Assert.Equal(expected.ReusedTokenCount, result.ReusedTokenCount);
        Assert.Equal(1, result.CachedImageCount);

        // What the file brought serves nobody else.
        GenerationResult other = await later.AnswerAsync(new Prompt("What is this?") { Images = [Golden.Image("shapes")] }, Greedy);
        Assert.Equal((0, 0), (other.ReusedTokenCount, other.CachedImageCount));
    }

    [Fact]
    public async Task More_pictures_than_its_layers_look_at_are_refused()
    {
        using MultimodalModel model = await LoadAsync();
        var prompt = new Prompt("How many?") { Images = [.. Enumerable.Repeat(Golden.Image("small"), 9)] };
        TesseraException failure = await Assert.ThrowsAsync<TesseraException>(() => model.AnswerAsync(prompt, Greedy));
        Assert.Contains("9 pictures", failure.Message, StringComparison.Ordinal);
        Assert.Contains("8 in one prompt", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("language-f16", "llava-1.5")]
    [InlineData("llava-1.5", "mmproj-f16")]
    public async Task Halves_of_different_kinds_are_refused(string language, string projector)
    {
        var options = new ModelOptions
        {
            ModelPath = language == "language-f16" ? Golden.LanguageModel : GoldenCase.Find(language).LanguageModel,
            ProjectorPath = projector == "mmproj-f16" ? Golden.Projector : GoldenCase.Find(projector).Projector,
        };
        ModelFileException failure = await Assert.ThrowsAsync<ModelFileException>(() => MultimodalModel.LoadAsync(options));
        Assert.Contains("do not belong together", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("blk.1.cross_attn_q_proj.weight")]
    [InlineData("blk.1.cross_attn_attn_gate")]
    [InlineData("blk.0.attn_q.weight")]
    [InlineData("output.weight")]
    public async Task A_missing_weight_is_named(string name)
    {
        string path = Path.Combine(folder.FullName, "damaged.gguf");
        using (GgufFile file = GgufFile.Open(Golden.LanguageModel))
        {
            var writer = new GgufWriter();
            foreach ((string key, GgufValue value) in file.Metadata)
                writer.AddMetadata(key, value);
            foreach (GgufTensor tensor in file.Tensors.Where(tensor => tensor.Name != name))
            {
                var data = new byte[tensor.ByteLength];
                file.ReadTensorData(tensor, 0, data);
                writer.AddTensor(tensor.Name, tensor.Type, [.. tensor.Shape], data);
            }

            writer.Save(path);
        }

        ModelFileException failure = await Assert.ThrowsAsync<ModelFileException>(() =>
            MultimodalModel.LoadAsync(new ModelOptions { ModelPath = path })
        );
        Assert.Contains($"'{name}' is missing", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Its_memory_is_planned()
    {
        MemoryPlan plan = await MemoryPlan.ForAsync(new ModelOptions { ModelPath = Golden.WholeModel! });
        Assert.True(plan is { CacheBytes: > 0, ComputeBytes: > 0, VisionWeightBytes: > 0, Fits: true });
    }

    private static Task<MultimodalModel> LoadAsync(CacheType type = CacheType.F16) =>
        MultimodalModel.LoadAsync(
            new ModelOptions
            {
                ModelPath = Golden.LanguageModel,
                ProjectorPath = Golden.Projector,
                CacheType = type,
            }
        );
}
