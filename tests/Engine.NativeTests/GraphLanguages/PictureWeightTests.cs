using Tessera.ChatTemplates;
using Tessera.Engine.NativeTests.Goldens;
using Tessera.Gguf;
using Tessera.Prompting;
using Tessera.Text;
using Tessera.Vision.Families;
using Tessera.Vision.Families.CogVlm;
using Tessera.Vision.Families.MplugOwl;

namespace Tessera.Engine.NativeTests.GraphLanguages;

/// <summary>CogVLM and mPLUG-Owl2, whose language models have weights of their own for pictures: wording, conversations, files of
/// llama.cpp's converter, and what does not fit.</summary>
public sealed class PictureWeightTests : IDisposable
{
    private static readonly GenerationOptions Greedy = new() { Temperature = 0, MaxTokens = 8 };
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("tessera-experts-");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public void Prompts_are_worded_as_the_authors_word_them()
    {
        Assert.Equal(
            "<__media__>Question: What? Answer: A tile.\nQuestion: Why? Answer:",
            Written("cogvlm2", CogVlmPrompt.Of(CogVlmWording.Chat))
        );
        Assert.Equal(
            "<__media__>Question: What? Short answer: A tile.\nQuestion: Why? Short answer:",
            Written("cogvlm", CogVlmPrompt.Of(CogVlmWording.ShortAnswer))
        );
        Assert.Equal("<__media__>What? A tile.\nWhy?", Written("cogvlm", CogVlmPrompt.Of(CogVlmWording.Base)));
        Assert.Equal(
            "USER: <__media__>What? ASSISTANT: A tile.</s>USER: Why? ASSISTANT:",
            Written("mplug-owl2", MplugOwlPrompt.SecondWording)
        );
    }

    [Theory]
    [InlineData("cogvlm")]
    [InlineData("cogvlm2")]
    [InlineData("mplug-owl2")]
    public async Task A_second_question_finds_the_picture_and_another_picture_shares_nothing(string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        using MultimodalModel model = await LoadAsync(golden.LanguageModel, golden.Projector);
        using ChatSession chat = model.StartChat();
        GenerationResult first = await chat.SendAsync(new UserMessage("What is this?") { Images = [golden.Image("shapes")] }, Greedy),
            second = await chat.SendAsync(new UserMessage("And its colour?"), Greedy);
        Assert.Equal(0, first.ReusedTokenCount);
        Assert.Equal(1, second.CachedImageCount);
        Assert.True(second.ReusedTokenCount >= first.PromptTokenCount, $"{second.ReusedTokenCount} of {second.PromptTokenCount}");
        GenerationResult other = await model.AnswerAsync(new Prompt("What is this?") { Images = [golden.Image("dark")] }, Greedy);
        Assert.NotEqual(first.TokenIds, other.TokenIds);
        Assert.True(other.ReusedTokenCount + other.ImageTokenCount <= other.PromptTokenCount);
    }

    [Theory]
    [InlineData("cogvlm2")]
    [InlineData("mplug-owl2")]
    public async Task A_saved_conversation_needs_no_prefill_anew(string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        string path = Path.Combine(folder.FullName, "saved.chat");
        IReadOnlyList<int> expected;
        GenerationResult first;
        using (MultimodalModel model = await LoadAsync(golden.LanguageModel, golden.Projector))
        {
            using ChatSession chat = model.StartChat();
            first = await chat.SendAsync(new UserMessage("What is this?") { Images = [golden.Image("shapes")] }, Greedy);
            await chat.SaveAsync(path);
            expected = (await chat.SendAsync(new UserMessage("And its colour?"), Greedy)).TokenIds;
        }

        using MultimodalModel other = await LoadAsync(golden.LanguageModel, golden.Projector);
        using ChatSession restored = await other.LoadChatAsync(path);
        GenerationResult second = await restored.SendAsync(new UserMessage("And its colour?"), Greedy);
        Assert.Equal(expected, second.TokenIds);
        Assert.Equal(1, second.CachedImageCount);
        Assert.True(second.ReusedTokenCount >= first.PromptTokenCount, $"{second.ReusedTokenCount} of {second.PromptTokenCount}");
    }

    // Rows of both kinds lie mixed in one batch, in other orders than when each prompt is alone.
    [Theory]
    [InlineData("cogvlm2")]
    [InlineData("mplug-owl2")]
    public async Task Answers_that_run_at_once_are_those_of_each_alone(string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        GoldenRun[] runs = [.. golden.Runs];
        using MultimodalModel model = await LoadAsync(golden.LanguageModel, golden.Projector, parallel: 4);
        GenerationResult[] results = await Task.WhenAll(
            runs.Select(run =>
                model.AnswerAsync(
                    new Prompt(run.Prompt) { IsRaw = true, Images = [.. run.Pictures.Select(golden.Image)] },
                    new GenerationOptions { Temperature = 0, MaxTokens = run.Tokens.Length }
                )
            )
        );
        Assert.All(runs.Zip(results), static pair => Assert.Equal(pair.First.Tokens, pair.Second.TokenIds));
    }

    // What a stopped step had put beside rows of the same position must not stay.
    [Fact]
    public void A_step_that_was_stopped_among_patches_comes_again()
    {
        GoldenCase golden = GoldenCase.Find("cogvlm2");
        GoldenRun run = golden.Runs.First(static run => run.Name == "shapes.raw");
        using var loaded = new GoldenLanguage(golden);
        using ILanguage language = loaded.Model.Open(512, 1, 0, CacheType.F16);
        PromptRows rows = FidelityTests.Rows(golden, run, language.RowWidth);
        var batch = new ContextBatch(language.BatchSize, language.RowWidth, lookup: null);
        int last = 0;
        foreach ((int first, int end) in ((int, int)[])[(0, 1), (1, 5), (5, 12), (12, rows.Count)])
        {
            batch.Clear();
            for (int row = first; row < end; row++)
                last = rows.IsTokenAt(row)
                    ? batch.AddToken(rows.TokenAt(row), 0, rows.PositionOf(row), row == rows.Count - 1)
                    : batch.AddEmbedding(rows.Embedding(row), 0, rows.PositionOf(row), row == rows.Count - 1, rows.IsReadAsText(row));
            language.RequestStop();
            Assert.Equal(DecodeOutcome.Stopped, language.Decode(batch));
            language.ForgetStop();
            Assert.Equal(DecodeOutcome.Done, language.Decode(batch));
            Assert.Equal(end, language.PositionsOf(0)!.Length);
        }

        Assert.True(Similarity.PerRow(language.Logits(last), run.Logits.Values, run.Logits.Values.Length).Worst >= 0.9999);
    }

    // As ggml-org/llama.cpp v0.5.0's converter leaves them: no word on the activation, key heads and the base, vectors with
    // dimensions more.
    [Theory]
    [InlineData("cogvlm")]
    [InlineData("cogvlm2")]
    public async Task Files_of_llama_cpp_s_converter_answer_as_the_reference(string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        string projector = Copy(golden.Projector, "mmproj.gguf", static key => key != "clip.use_gelu", static _ => true),
            language = Copy(
                golden.LanguageModel,
                "language.gguf",
                static key => key is not ("cogvlm.attention.head_count_kv" or "cogvlm.rope.freq_base"),
                static _ => true
            );
        using MultimodalModel model = await LoadAsync(language, projector);
        foreach (GoldenRun run in golden.Runs.Take(3))
        {
            var prompt = new Prompt(run.Prompt) { IsRaw = true, Images = [.. run.Pictures.Select(golden.Image)] };
            Assert.Equal(
                run.Tokens,
                (await model.AnswerAsync(prompt, new GenerationOptions { Temperature = 0, MaxTokens = run.Tokens.Length })).TokenIds
            );
        }
    }

    [Theory]
    [InlineData("cogvlm2", "llava-1.5", "made for a language model of the architecture cogvlm")]
    [InlineData("cogvlm2", "mplug-owl2", "made for a language model of the architecture cogvlm")]
    [InlineData("mplug-owl2", "llava-1.5", "made for a language model of the architecture mplug_owl2")]
    [InlineData("llava-1.5", "cogvlm", "language models without weights of their own for pictures")]
    public async Task Halves_of_different_models_are_refused(string projector, string language, string reason)
    {
        ModelFileException failure = await Assert.ThrowsAsync<ModelFileException>(() =>
            LoadAsync(GoldenCase.Find(language).LanguageModel, GoldenCase.Find(projector).Projector)
        );
        Assert.Contains(reason, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CogVLM_2_s_projector_is_not_CogVLM_s()
    {
        using GgufFile file = GgufFile.Open(GoldenCase.Find("cogvlm").LanguageModel);
        var writer = new GgufWriter();
        foreach ((string key, GgufValue value) in file.Metadata)
            writer.AddMetadata(key, key == "cogvlm.feed_forward_length" ? GgufValue.From(96u) : value);
        foreach (GgufTensor tensor in file.Tensors)
            writer.AddTensor(tensor.Name, tensor.Type, tensor.Shape.AsSpan(), file.GetTensorData(tensor, 0, (int)tensor.ByteLength));
        string path = Path.Combine(folder.FullName, "language.gguf");
        writer.Save(path);
        ModelFileException failure = await Assert.ThrowsAsync<ModelFileException>(() =>
            LoadAsync(path, GoldenCase.Find("cogvlm2").Projector)
        );
        Assert.Contains("made for another language model of the architecture cogvlm", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cogvlm2", "blk.1.vis_up.weight")]
    [InlineData("cogvlm2", "blk.0.attn_qkv.weight")]
    [InlineData("mplug-owl2", "blk.2.vis_attn_k.weight")]
    public async Task A_file_without_some_of_the_weights_is_refused(string name, string tensor)
    {
        GoldenCase golden = GoldenCase.Find(name);
        string path = Copy(golden.LanguageModel, "language.gguf", static _ => true, kept => kept != tensor);
        ModelFileException failure = await Assert.ThrowsAsync<ModelFileException>(() => LoadAsync(path, golden.Projector));
        Assert.Contains($"tensor '{tensor}' is missing", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wording_that_is_none_is_refused()
    {
        using var changed = new ChangedProjector(
            GoldenCase.Find("cogvlm").Projector,
            new Dictionary<string, GgufValue> { ["clip.cogvlm.wording"] = GgufValue.From("chatty") }
        );
        Assert.Contains(
            "clip.cogvlm.wording is 'chatty'",
            Assert.Throws<ModelFileException>(() => VisionModel.Open(changed.Path)).Message,
            StringComparison.Ordinal
        );
    }

    private string Copy(string path, string name, Func<string, bool> keepsKey, Func<string, bool> keepsTensor)
    {
        using GgufFile file = GgufFile.Open(path);
        var writer = new GgufWriter();
        foreach ((string key, GgufValue value) in file.Metadata.Where(entry => keepsKey(entry.Key)))
            writer.AddMetadata(key, value);
        foreach (GgufTensor tensor in file.Tensors.Where(tensor => keepsTensor(tensor.Name)))
            writer.AddTensor(
                tensor.Name,
                tensor.Type,
                tensor.Name is "v.boi" or "v.eoi" ? [tensor.Shape[0], 1, 1] : tensor.Shape.AsSpan(),
                file.GetTensorData(tensor, 0, (int)tensor.ByteLength)
            );
        string copy = Path.Combine(folder.FullName, name);
        writer.Save(copy);
        return copy;
    }

    private static Task<MultimodalModel> LoadAsync(string language, string projector, int parallel = 1) =>
        MultimodalModel.LoadAsync(
            new ModelOptions
            {
                ModelPath = language,
                ProjectorPath = projector,
                ParallelAnswerCount = parallel,
            }
        );

    private static string Written(string name, FamilyPrompt wording)
    {
        using var language = new GoldenLanguage(GoldenCase.Find(name));
        IReadOnlyList<PromptSegment> prompt = new ChatPrompt(null, wording, language.Model.Vocabulary).Write(
            null,
            [new Exchange([new ChatTemplatePart("What?")], 1, "A tile."), new Exchange([new ChatTemplatePart("Why?")], 0, null)]
        );
        return string.Concat(prompt.Select(static segment => segment.Text ?? MediaMarker.Text));
    }
}
