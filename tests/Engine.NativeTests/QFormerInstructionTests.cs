using Tessera.Engine.NativeTests.Goldens;

namespace Tessera.Engine.NativeTests;

/// <summary>What is asked is part of what a picture becomes, and so of its key in every cache.</summary>
public sealed class QFormerInstructionTests
{
    private const int PositionCount = 64; // of the golden's Q-Former
    private static readonly GoldenCase Golden = GoldenCase.Find("instructblip-vicuna");

    [Fact]
    public async Task A_picture_is_cached_with_its_question()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            using MultimodalModel model = await LoadAsync(folder);
            GenerationResult first = await AskAsync(model, "What is this?"),
                other = await AskAsync(model, "Is it large?"),
                again = await AskAsync(model, "What is this?");
            Assert.Equal((0, 0, 1), (first.CachedImageCount, other.CachedImageCount, again.CachedImageCount));
            // Nothing of the other's prompt may serve it, though it begins with the same picture; its own may.
            Assert.Equal((0, true), (other.ReusedTokenCount, again.ReusedTokenCount > 0));
            Assert.Equal(first.TokenIds, again.TokenIds);
            Assert.Equal(2, Directory.GetFiles(folder).Length);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void An_instruction_longer_than_the_q_former_reads_is_refused()
    {
        using VisionModel vision = VisionModel.Open(Golden.Projector);
        string longest = string.Concat(Enumerable.Repeat("? ", PositionCount - 2));
        Assert.NotNull(vision.Plan(new PixelSize(64, 64), new PlanRequest { Instruction = longest }).Instruction);
        InstructionTooLongException failure = Assert.Throws<InstructionTooLongException>(() =>
            vision.Plan(new PixelSize(64, 64), new PlanRequest { Instruction = longest + "?" })
        );
        Assert.Equal((PositionCount + 1, PositionCount), (failure.TokenCount, failure.Limit));
    }

    [Fact]
    public async Task A_conversations_pictures_are_asked_about_by_their_own_messages()
    {
        using MultimodalModel model = await LoadAsync(null);
        var options = new GenerationOptions { Temperature = 0, MaxTokens = 4 };
        using ChatSession chat = model.StartChat();
        await chat.SendAsync(new UserMessage("What is this?") { Images = [Golden.Image("shapes")] }, options);
        GenerationResult second = await chat.SendAsync(new UserMessage("Is it large?"), options);
        // The first message's picture is what it was.
        Assert.Equal(1, second.CachedImageCount);
        Assert.True(second.ReusedTokenCount > 0);
    }

    private static Task<MultimodalModel> LoadAsync(string? folder) =>
        MultimodalModel.LoadAsync(
            new ModelOptions
            {
                ModelPath = Golden.LanguageModel,
                ProjectorPath = Golden.Projector,
                ImageCacheFolder = folder,
            }
        );

    private static Task<GenerationResult> AskAsync(MultimodalModel model, string question) =>
        model.AnswerAsync(
            new Prompt(question) { Images = [Golden.Image("shapes")] },
            new GenerationOptions { Temperature = 0, MaxTokens = 8 }
        );
}
