using Tessera.Engine.NativeTests.Goldens;
using Tessera.Native;

namespace Tessera.Engine.NativeTests;

/// <summary>Every owning native pointer is freed: after use, after a failure, and after cancellation.</summary>
public sealed class OwnershipTests
{
    private static readonly GoldenCase Golden = GoldenCase.Find("llava-1.5");

    [Fact]
    public async Task Nothing_is_left_after_an_answer()
    {
        int before = OwnedHandle.LiveCount;
        using (MultimodalModel model = await MultimodalModel.LoadAsync(Options(Golden.LanguageModel, Golden.Projector)))
        {
            Assert.True(OwnedHandle.LiveCount > before);
            await model.AnswerAsync(
                new Prompt("What is this?") { Images = [Golden.Image("page")] },
                new GenerationOptions { MaxTokens = 4 }
            );
        }

        Assert.Equal(before, OwnedHandle.LiveCount);
    }

    [Fact]
    public async Task Nothing_is_left_after_a_failed_load()
    {
        int before = OwnedHandle.LiveCount;
        await Assert.ThrowsAsync<ModelFileRoleException>(() => MultimodalModel.LoadAsync(Options(Golden.Projector, Golden.LanguageModel)));
        await Assert.ThrowsAsync<ModelFileRoleException>(() =>
            MultimodalModel.LoadAsync(Options(Golden.LanguageModel, Golden.LanguageModel))
        );
        Assert.Equal(before, OwnedHandle.LiveCount);
    }

    [Fact]
    public async Task A_caller_that_stops_reading_leaves_nothing_and_the_model_goes_on()
    {
        int before = OwnedHandle.LiveCount;
        using (MultimodalModel model = await MultimodalModel.LoadAsync(Options(Golden.LanguageModel, Golden.Projector)))
        {
            int loaded = OwnedHandle.LiveCount;
            await foreach (
                GenerationUpdate _ in model.AnswerStreamingAsync(
                    new Prompt("Go on"),
                    new GenerationOptions { MaxTokens = 400, Temperature = 0 }
                )
            )
                break;
            Assert.Equal(loaded, OwnedHandle.LiveCount);
            GenerationResult next = await model.AnswerAsync(new Prompt("Go on"), new GenerationOptions { MaxTokens = 3, Temperature = 0 });
            Assert.Equal(3, next.TokenIds.Count);
        }

        Assert.Equal(before, OwnedHandle.LiveCount);
    }

    [Fact]
    public async Task Cancelling_stops_an_answer_and_leaves_nothing()
    {
        int before = OwnedHandle.LiveCount;
        using var stop = new CancellationTokenSource();
        using (MultimodalModel model = await MultimodalModel.LoadAsync(Options(Golden.LanguageModel, Golden.Projector)))
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            {
                await foreach (
                    GenerationUpdate _ in model.AnswerStreamingAsync(
                        new Prompt("Go on"),
                        new GenerationOptions { MaxTokens = 1900, Temperature = 0 },
                        null,
                        stop.Token
                    )
                )
                    await stop.CancelAsync();
            });
        }

        Assert.Equal(before, OwnedHandle.LiveCount);
    }

    private static ModelOptions Options(string model, string projector) =>
        new()
        {
            ModelPath = model,
            ProjectorPath = projector,
            ContextLength = 2048,
        };
}
