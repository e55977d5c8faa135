using LLama;
using LLama.Batched;
using LLama.Common;
using LLama.Native;
using LLama.Sampling;

namespace Tessera.LLamaSharp.Tests;

/// <summary>
/// The same questions answered by LLamaSharp with Tessera's embeddings and by Tessera alone, in one process over the same native
/// libraries. Started with the name of a question's list and of who loads first; prints a line of token ids for each answer.
/// </summary>
internal static class TwoEngines
{
    public const string TesseraFirst = "tessera-first";
    public const string LLamaSharpFirst = "llamasharp-first";
    private const int MaxTokens = 24;

    private static readonly (string Model, string Picture, string Prompt)[] Questions =
    [
        ("tessera-tiny", "shapes.png", "USER: <__media__>\nWhat is in this picture? ASSISTANT:"),
        ("tessera-tiny", "count.png", "USER: <__media__>\nHow many are there? ASSISTANT:"),
        ("tessera-tiny", "word.png", "USER: <__media__>\nWhat does it say? ASSISTANT:"),
        ("tessera-tiny", "number.png", "USER: What number is this? <__media__> ASSISTANT:"),
        ("tessera-tiny", "heart.png", "USER: <__media__>\nWhat colour is it? ASSISTANT:"),
        ("tessera-tiny-next", "small-print.png", "USER: <__media__>\nWhat does it say? ASSISTANT:"),
        ("tessera-tiny-next", "emoji-cow.png", "USER: <__media__>\nWhat is this? ASSISTANT:"),
    ];

    public static int QuestionCount => Questions.Length;

    public static async Task<int> Main(string[] arguments)
    {
        try
        {
            foreach (string model in Questions.Select(static question => question.Model).Distinct())
                await AskAsync(model, arguments[0]);
            return 0;
        }
        catch (TesseraException failure)
        {
            Console.Error.WriteLine(failure.Message);
            return 1;
        }
    }

    private static async Task AskAsync(string name, string order)
    {
        string modelPath = RepositoryRoot.Path("models", "tiny", $"{name}-Q8_0.gguf");
        string projectorPath = RepositoryRoot.Path("models", "tiny", $"{name}-mmproj-Q8_0.gguf");
        var options = new ModelOptions
        {
            ModelPath = modelPath,
            ProjectorPath = projectorPath,
            ThreadCount = 1,
            ContextLength = 1024,
        };
        MultimodalModel? tessera = order == TesseraFirst ? await MultimodalModel.LoadAsync(options) : null;
        var parameters = new ModelParams(modelPath)
        {
            ContextSize = 1024,
            Threads = 1,
            BatchThreads = 1,
            GpuLayerCount = 0,
        };
        using LLamaWeights weights = await LLamaWeights.LoadFromFileAsync(parameters);
        tessera ??= await MultimodalModel.LoadAsync(options);
        using (tessera)
        using (VisionWeights vision = await VisionWeights.LoadAsync(projectorPath, weights, new VisionWeightsOptions { ThreadCount = 1 }))
        {
            foreach ((string _, string picture, string prompt) in Questions.Where(question => question.Model == name))
            {
                PromptImage[] pictures = [await PromptImage.FromFileAsync(RepositoryRoot.Path("samples", picture))];
                var raw = new Prompt(prompt) { Images = pictures, IsRaw = true };
                GenerationResult alone = await tessera.AnswerAsync(raw, new GenerationOptions { Temperature = 0, MaxTokens = MaxTokens });
                VisionPrompt prepared = await vision.PrepareAsync(prompt, pictures);
                Print(picture, "tessera", alone.TokenIds);
                Print(picture, "context", await InContextAsync(weights, parameters, prepared));
                Print(picture, "conversation", await InConversationAsync(weights, parameters, prepared));
            }
        }
    }

    private static async Task<IReadOnlyList<int>> InContextAsync(LLamaWeights weights, ModelParams parameters, VisionPrompt prompt)
    {
        using LLamaContext context = weights.CreateContext(parameters);
        using var greedy = new GreedySamplingPipeline();
        int position = await context.PrefillAsync(prompt);
        var answer = new List<int>();
        while (answer.Count < MaxTokens)
        {
            LLamaToken token = greedy.Sample(context.NativeHandle, -1);
            answer.Add((int)token);
            if (token.IsEndOfGeneration(weights.Vocab))
                break;
            var next = new LLamaBatch();
            next.Add(token, position++, LLamaSeqId.Zero, true);
            await context.DecodeAsync(next);
        }

        return answer;
    }

    private static async Task<IReadOnlyList<int>> InConversationAsync(LLamaWeights weights, ModelParams parameters, VisionPrompt prompt)
    {
        using var executor = new BatchedExecutor(weights, parameters);
        using Conversation conversation = executor.Create();
        using var greedy = new GreedySamplingPipeline();
        await conversation.PromptAsync(prompt);
        var answer = new List<int>();
        while (answer.Count < MaxTokens)
        {
            while (conversation.RequiresInference)
                await executor.Infer();
            LLamaToken token = greedy.Sample(executor.Context.NativeHandle, conversation.GetSampleIndex());
            answer.Add((int)token);
            if (token.IsEndOfGeneration(weights.Vocab))
                break;
            conversation.Prompt(token);
        }

        return answer;
    }

    private static void Print(string picture, string who, IReadOnlyList<int> answer) =>
        Console.WriteLine($"{picture} {who} {string.Join(',', answer)}");
}
