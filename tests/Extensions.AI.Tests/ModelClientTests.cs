using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Tessera.ChatTemplates;
using Tessera.Engine.NativeTests.Grammars;
using Tessera.Extensions.AI.Tests.Support;

namespace Tessera.Extensions.AI.Tests;

/// <summary>The client over the small trained model.</summary>
public sealed class ModelClientTests : IAsyncLifetime
{
    // Of processor time: some tenths of a second on a machine of its own, JIT compilation with it, and hours where nothing is refused.
    private static readonly TimeSpan Soon = TimeSpan.FromMinutes(1);
    private MultimodalModel model = null!;

    public async Task InitializeAsync() => model = await MultimodalModel.LoadAsync(TinyModel.Options);

    public Task DisposeAsync()
    {
        model.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task It_answers_as_the_model_does()
    {
        using IChatClient client = model.AsIChatClient();
        ChatResponse response = await client.GetResponseAsync([TinyModel.Question("shapes.png")], TinyModel.Greedy);
        GenerationResult direct = await model.AnswerAsync(
            new Prompt("What is in this picture?")
            {
                Images = [await PromptImage.FromFileAsync(RepositoryRoot.Path("samples", "shapes.png"))],
            },
            new GenerationOptions { Temperature = 0, MaxTokens = 40 }
        );
        Assert.Equal(direct.Text, response.Text);
        Assert.Contains("yellow star", response.Text, StringComparison.OrdinalIgnoreCase);
        Assert.Equal((long)direct.PromptTokenCount, response.Usage!.InputTokenCount);
        Assert.Equal(64, response.Usage.AdditionalCounts!["image_tokens"]);
        Assert.Equal("tessera-tiny-Q8_0", response.ModelId);
        Assert.Same(model, client.GetService<MultimodalModel>());
    }

    [Fact]
    public async Task The_next_turn_prefills_only_what_is_new()
    {
        IChatClient client = model.AsIChatClient();
        List<ChatMessage> conversation = [TinyModel.Question("shapes.png")];
        ChatResponse first = await client.GetResponseAsync(conversation, TinyModel.Greedy);
        Assert.Equal(0, first.Usage!.CachedInputTokenCount);
        conversation.AddMessages(first);
        conversation.Add(new ChatMessage(ChatRole.User, "What colour is the star?"));
        ChatResponse second = await client.GetResponseAsync(conversation, TinyModel.Greedy);
        Assert.Contains("yellow", second.Text, StringComparison.OrdinalIgnoreCase);
        // All but the token that ended the answer is in the cache, as in a session.
        Assert.Equal(first.Usage.InputTokenCount + first.Usage.OutputTokenCount - 1, second.Usage!.CachedInputTokenCount);
        Assert.Equal(1, second.Usage.AdditionalCounts!["cached_images"]);
    }

    [Fact]
    public async Task A_response_format_holds_the_answer()
    {
        using IChatClient client = model.AsIChatClient();
        using JsonDocument schema = JsonDocument.Parse(
            """{"type":"object","properties":{"colour":{"enum":["yellow","red"]}},"required":["colour"],"additionalProperties":false}"""
        );
        ChatOptions options = TinyModel.Greedy;
        options.ResponseFormat = ChatResponseFormat.ForJsonSchema(schema.RootElement);
        ChatResponse response = await client.GetResponseAsync([TinyModel.Question("shapes.png", "What colour is the star?")], options);
        Assert.Equal("yellow", JsonDocument.Parse(response.Text).RootElement.GetProperty("colour").GetString());

        using JsonDocument broken = JsonDocument.Parse("""{"type":"integer","minimum":3,"maximum":2}""");
        options.ResponseFormat = ChatResponseFormat.ForJsonSchema(broken.RootElement);
        ChatOptionException refused = await Assert.ThrowsAsync<ChatOptionException>(() =>
            client.GetResponseAsync([TinyModel.Question("shapes.png")], options)
        );
        Assert.Contains("ResponseFormat", refused.Message);
    }

    [Fact]
    public async Task A_required_call_is_read_and_follows_its_schema()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        string path = Path.Combine(folder, "calling.gguf");
        TinyModel.WriteWithTemplate(path, TemplateSources.Hermes);
        using (MultimodalModel calling = await MultimodalModel.LoadAsync(TinyModel.Options with { ModelPath = path }))
        {
            AITool[] tools =
            [
                RequiredCallTests.Declare(
                    "move",
                    """{"type":"object","properties":{"colour":{"enum":["red","blue"]},"steps":{"type":"integer","minimum":0,"maximum":99}},"required":["colour","steps"],"additionalProperties":false}"""
                ),
                RequiredCallTests.Declare(
                    "say",
                    """{"type":"object","properties":{"word":{"type":"string","maxLength":6},"loud":{"type":"boolean"}},"required":["word"],"additionalProperties":false}"""
                ),
            ];
            using IChatClient client = calling.AsIChatClient();
            for (int seed = 0; seed < 6; seed++)
            {
                var options = new ChatOptions
                {
                    Tools = tools,
                    ToolMode = seed % 2 == 0 ? ChatToolMode.RequireAny : ChatToolMode.RequireSpecific("say"),
                    AllowMultipleToolCalls = false,
                    Temperature = seed,
                    Seed = seed,
                    MaxOutputTokens = 200,
                };
                ChatResponse response = await client.GetResponseAsync("What now?", options).WaitAsync(Patience.Limit);
                var call = Assert.IsType<FunctionCallContent>(
                    Assert.Single(response.Messages[0].Contents, static content => content is not UsageContent)
                );
                Assert.Null(call.Exception);
                Assert.Equal((ChatFinishReason.ToolCalls, true), (response.FinishReason!.Value, seed % 2 == 0 || call.Name == "say"));
                var schema = ((AIFunctionDeclaration)tools.Single(tool => tool.Name == call.Name)).JsonSchema;
                using JsonDocument arguments = JsonDocument.Parse(ToolText.OfArguments(call.Arguments));
                Assert.True(new JsonValidator(schema).Holds(arguments.RootElement), arguments.RootElement.GetRawText());
            }
        }

        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task It_stops_where_it_is_told_and_when_cancelled()
    {
        IChatClient client = model.AsIChatClient();
        ChatResponse cut = await client.GetResponseAsync(
            [TinyModel.Question("shapes.png")],
            new ChatOptions { Temperature = 0, MaxOutputTokens = 2 }
        );
        Assert.Equal(ChatFinishReason.Length, cut.FinishReason);
        ChatResponse stopped = await client.GetResponseAsync(
            [TinyModel.Question("shapes.png")],
            new ChatOptions { Temperature = 0, StopSequences = ["star"] }
        );
        Assert.Equal(ChatFinishReason.Stop, stopped.FinishReason);
        Assert.DoesNotContain("star", stopped.Text);
        using var stop = new CancellationTokenSource();
        await Assert
            .ThrowsAnyAsync<OperationCanceledException>(async () =>
            {
                await foreach (
                    ChatResponseUpdate _ in client.GetStreamingResponseAsync([TinyModel.Question("word.png")], TinyModel.Greedy, stop.Token)
                )
                    await stop.CancelAsync();
            })
            .WaitAsync(Patience.Limit);
    }

    [Fact]
    public async Task A_model_without_tools_refuses_them_and_damaged_pictures_are_named()
    {
        IChatClient client = model.AsIChatClient();
        await Assert.ThrowsAsync<ChatOptionException>(() =>
            client.GetResponseAsync("Hi", new ChatOptions { Tools = [AIFunctionFactory.Create(() => 1, "one")] })
        );
        byte[] damaged = [.. TinyModel.Picture("heart.png").Data.ToArray().Take(100)];
        ImageException refused = await Assert.ThrowsAsync<ImageException>(() =>
            client.GetResponseAsync([new ChatMessage(ChatRole.User, [new TextContent("See"), new DataContent(damaged, "image/png")])])
        );
        Assert.StartsWith("message 0, part 1 (DataContent, image/png)", refused.Message);
    }

    [Fact]
    public async Task A_schema_of_a_megabyte_is_refused_by_the_option_soon()
    {
        using IChatClient client = model.AsIChatClient();
        using JsonDocument schema = JsonDocument.Parse($$"""{"enum":["{{new string('x', 1 << 20)}}"]}""");
        TimeSpan before = ProcessorTime;
        ChatOptionException refused = await Assert
            .ThrowsAsync<ChatOptionException>(() =>
                client.GetResponseAsync("Hi", new ChatOptions { ResponseFormat = ChatResponseFormat.ForJsonSchema(schema.RootElement) })
            )
            .WaitAsync(Patience.Limit);
        Assert.Contains("ResponseFormat", refused.Message);
        Assert.InRange(ProcessorTime - before, TimeSpan.Zero, Soon);
    }

    [Fact]
    public async Task A_file_whose_template_loops_is_refused_soon_and_its_line_is_named()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        string looping = Path.Combine(folder, "looping.gguf");
        TinyModel.WriteWithTemplate(
            looping,
            "{{ bos_token }}\n{% for a in range(99999) %}{% for b in range(99999) %}{{ a * b }}{% endfor %}{% endfor %}"
        );
        using (MultimodalModel hostile = await MultimodalModel.LoadAsync(TinyModel.Options with { ModelPath = looping }))
        {
            TimeSpan before = ProcessorTime;
            TemplateException refused = await Assert
                .ThrowsAsync<TemplateException>(() => hostile.AsIChatClient().GetResponseAsync([TinyModel.Question("heart.png")]))
                .WaitAsync(Patience.Limit);
            Assert.Equal(looping, refused.TemplateName.Split(": ")[0]);
            Assert.Equal(2, refused.Line);
            Assert.InRange(ProcessorTime - before, TimeSpan.Zero, Soon);
        }

        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Owners_may_dispose_at_once_while_answers_run()
    {
        for (int attempt = 0; attempt < 5; attempt++)
        {
            MultimodalModel other = await MultimodalModel.LoadAsync(TinyModel.Options);
            IChatClient[] clients = [other.AsIChatClient(ownsModel: true), other.AsIChatClient(ownsModel: true)];
            Task<ChatResponse>[] answers =
            [
                .. clients.Select(client => client.GetResponseAsync([TinyModel.Question("shapes.png")], TinyModel.Greedy)),
            ];
            await Task.Delay(attempt * 15);
            await Task.WhenAll(clients.Select(client => Task.Run(client.Dispose))).WaitAsync(Patience.Limit);
            foreach (Task<ChatResponse> answer in answers)
            {
                Exception? failure = await Record.ExceptionAsync(() => answer.WaitAsync(Patience.Limit));
                Assert.True(failure is null or ObjectDisposedException, $"{failure}");
            }
        }

        // A client that does not own the model leaves it alone.
        model.AsIChatClient().Dispose();
        Assert.NotEmpty((await model.AsIChatClient().GetResponseAsync([TinyModel.Question("heart.png")], TinyModel.Greedy)).Text);
    }

    [Fact]
    public async Task Embeddings_have_length_one_and_are_of_the_picture()
    {
        using IEmbeddingGenerator<DataContent, Embedding<float>> generator = model.AsIImageEmbeddingGenerator();
        string[] samples = ["shapes.png", "heart.png", "shapes.png", "word.png"];
        GeneratedEmbeddings<Embedding<float>> embeddings = await generator.GenerateAsync(samples.Select(TinyModel.Picture));
        Assert.Equal((4, 256L), (embeddings.Count, embeddings.Usage!.InputTokenCount));
        Assert.All(embeddings, static embedding => Assert.Equal(1, Dot(embedding, embedding), 4));
        Assert.Equal(embeddings[0].Vector.ToArray(), embeddings[2].Vector.ToArray());
        Assert.True(Dot(embeddings[0], embeddings[1]) < 0.999);
        Assert.Equal(embeddings[1].Dimensions, generator.GetService<EmbeddingGeneratorMetadata>()!.DefaultModelDimensions);

        // The mean of the engine's own rows, in the direction of which the vector points.
        ReadOnlyMemory<float> rows = (
            await model.EncodeAsync([await PromptImage.FromFileAsync(RepositoryRoot.Path("samples", "heart.png"))])
        )[0];
        int width = embeddings[1].Dimensions;
        double[] sums =
        [
            .. Enumerable
                .Range(0, width)
                .Select(column => Enumerable.Range(0, rows.Length / width).Sum(row => (double)rows.Span[row * width + column])),
        ];
        double length = Math.Sqrt(sums.Sum(static sum => sum * sum));
        Assert.Equal(sums[5] / length, embeddings[1].Vector.Span[5], 5);

        await Assert.ThrowsAsync<ChatOptionException>(() =>
            generator.GenerateAsync([TinyModel.Picture("heart.png")], new EmbeddingGenerationOptions { Dimensions = 7 })
        );
        ImageException refused = await Assert.ThrowsAsync<ImageException>(() =>
            generator.GenerateAsync([TinyModel.Picture("heart.png"), new DataContent(new byte[9], "image/png")])
        );
        Assert.StartsWith("picture 1 (image/png)", refused.Message);
    }

    private static TimeSpan ProcessorTime => Process.GetCurrentProcess().TotalProcessorTime;

    private static double Dot(Embedding<float> left, Embedding<float> right) =>
        left.Vector.ToArray().Zip(right.Vector.ToArray(), static (a, b) => (double)a * b).Sum();
}
