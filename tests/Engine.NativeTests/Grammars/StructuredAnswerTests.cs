using System.Text.Json;
using System.Text.Json.Serialization;
using Tessera.Grammars;
using Tessera.Native;
using Xunit.Abstractions;

namespace Tessera.Engine.NativeTests.Grammars;

/// <summary>Answers of the small trained model that must follow a schema, a type or a grammar.</summary>
public sealed class StructuredAnswerTests(ITestOutputHelper output) : IAsyncLifetime
{
    private static readonly GenerationOptions Wild = new()
    {
        Temperature = 3,
        TopK = 0,
        TopP = 1,
        MinP = 0,
        MaxTokens = 900,
    };
    private MultimodalModel model = null!;

    public async Task InitializeAsync() =>
        model = await MultimodalModel.LoadAsync(
            new ModelOptions
            {
                ModelPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-Q8_0.gguf"),
                ProjectorPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-mmproj-Q8_0.gguf"),
            }
        );

    public Task DisposeAsync()
    {
        model.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task Three_hundred_random_schemas_are_followed()
    {
        var schemas = new RandomSchemas(7);
        int cut = 0;
        string? folder = Environment.GetEnvironmentVariable("TESSERA_SCHEMA_ANSWERS");
        for (int index = 0; index < 300; index++)
        {
            string schema = schemas.Next().ToJsonString();
            GenerationResult result = await AnswerAsync(schema, (uint)index + 1);
            // A chain of nodes may be longer than the answer; another seed ends sooner.
            for (uint seed = 1000; result.FinishReason == FinishReason.Length && seed < 1005; seed++, cut++)
                result = await AnswerAsync(schema, seed);
            Assert.True(result.FinishReason == FinishReason.Stop, $"{schema}\n{result.Text}");
            if (folder is not null)
                await File.AppendAllTextAsync(
                    Path.Combine(folder, "answers.jsonl"),
                    $"[{schema},{JsonSerializer.Serialize(result.Text, AnswerJson.Default.String)}]\n"
                );
            Assert.True(
                new JsonValidator(JsonDocument.Parse(schema).RootElement).Holds(JsonDocument.Parse(result.Text).RootElement),
                $"{schema}\n{result.Text}"
            );
        }

        output.WriteLine($"300 schemas, {cut} answers cut and asked again");
        Assert.InRange(cut, 0, 30);
    }

    [Fact]
    public async Task A_type_comes_back_filled()
    {
        var prompt = new Prompt("What is in this picture?")
        {
            Images = [await PromptImage.FromFileAsync(RepositoryRoot.Path("samples", "shapes.png"))],
        };
        SceneAnswer scene = await model.AnswerAsync(prompt, AnswerJson.Default.SceneAnswer, new GenerationOptions { Temperature = 0 });
        Assert.InRange(scene.Count, byte.MinValue, byte.MaxValue);
        Assert.True(Enum.IsDefined(scene.Main));
        using ChatSession chat = model.StartChat();
        SceneAnswer again = await chat.SendAsync(
            new UserMessage(prompt.Text) { Images = prompt.Images },
            AnswerJson.Default.SceneAnswer,
            new GenerationOptions { Temperature = 0 }
        );
        Assert.Equal(scene, again);
        Assert.Single(chat.Turns);
    }

    [Fact]
    public async Task Random_values_of_a_type_are_values_of_it()
    {
        for (uint seed = 1; seed <= 6; seed++)
        {
            EveryKind value = await model.AnswerAsync(new Prompt("Hello"), AnswerJson.Default.EveryKind, Wild with { Seed = seed });
            Assert.NotNull(value.Names);
        }
    }

    [Fact]
    public async Task A_cut_answer_says_so()
    {
        GenerationOptions few = new() { Temperature = 0, MaxTokens = 4 };
        Assert.Equal(
            FinishReason.Length,
            (
                await model.AnswerAsync(new Prompt("Hello"), few with { Format = AnswerFormat.FromType(AnswerJson.Default.SceneAnswer) })
            ).FinishReason
        );
        AnswerFormatException failure = await Assert.ThrowsAsync<AnswerFormatException>(() =>
            model.AnswerAsync(new Prompt("Hello"), AnswerJson.Default.SceneAnswer, few)
        );
        Assert.Contains("4 tokens", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_finished_grammar_ends_the_answer_and_the_prompt_is_no_part_of_it()
    {
        GenerationOptions options = Wild with
        {
            Seed = 3,
            RepeatPenalty = 1.3f,
            Format = AnswerFormat.FromGrammar("root ::= \"yes\" | \"no\""),
        };
        GenerationResult result = await model.AnswerAsync(new Prompt("Hello"), options);
        Assert.Contains(result.Text, (string[])["yes", "no"]);
        Assert.Equal(FinishReason.Stop, result.FinishReason);
    }

    [Fact]
    public async Task Characters_that_the_model_lacks_end_the_answer_with_a_sentence_or_come()
    {
        int handles = OwnedHandle.LiveCount;
        GenerationOptions options = Wild with { Format = AnswerFormat.FromGrammar("root ::= \"\\U0001F984 \\u4E2D\"") };
        try
        {
            Assert.Equal("\U0001F984 \u4E2D", (await model.AnswerAsync(new Prompt("Hello"), options)).Text);
        }
        catch (GrammarException failure)
        {
            Assert.Contains("no token", failure.Message, StringComparison.Ordinal);
        }

        Assert.Equal(handles, OwnedHandle.LiveCount);
    }

    private Task<GenerationResult> AnswerAsync(string schema, uint seed) =>
        model
            .AnswerAsync(new Prompt("Hello"), Wild with { Seed = seed, Format = AnswerFormat.FromSchema(schema) })
            .WaitAsync(Patience.Limit);
}

internal enum MainShape
{
    Circle,
    Square,
    Star,
}

internal sealed record SceneAnswer(
    [property: JsonConverter(typeof(JsonStringEnumConverter<MainShape>))] MainShape Main,
    byte Count,
    bool IsColourful
);

internal sealed record EveryKind(
    int? Maybe,
    DateTimeOffset When,
    DateOnly Day,
    TimeOnly Hour,
    TimeSpan Long,
    Guid Id,
    decimal Price,
    char Letter,
    ulong Large,
    sbyte Small,
    [property: JsonRequired] IReadOnlyList<MainShape> Names,
    EveryKind? Next
);

[JsonSerializable(typeof(SceneAnswer))]
[JsonSerializable(typeof(EveryKind))]
[JsonSerializable(typeof(string))]
internal sealed partial class AnswerJson : JsonSerializerContext;
