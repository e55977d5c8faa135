using Tessera.Fuzz.Mutation;
using Tessera.Text.Sampling;

namespace Tessera.Fuzz.Soak;

/// <summary>A conversation that is always held in the same words, with the answers that it had when it was alone.</summary>
/// <param name="System">The system sentence, or null.</param>
/// <param name="Messages">What is asked, in order.</param>
internal sealed record SoakScript(string? System, IReadOnlyList<UserMessage> Messages)
{
    public const int AnswerLength = 16;

    // What the small model was trained to be asked (models/tiny/questions.py).
    private static readonly string[] Questions =
    [
        "What is in this picture?",
        "What shape is this?",
        "What is the text in the picture?",
        "How many circles are there?",
        "Name it.",
    ];

    private static readonly string[] Greetings = ["Hello", "Who are you?", "How are you?", "Thank you!"];

    // Of these, questions are made that it was not trained for, where it hesitates.
    private static readonly string[] Words = (
        "why is the sky blue seven triangle of or text river count where left red heart not picture number small that say cow twelve do "
        + "you name green and circle word long what moon"
    ).Split(' ');

    /// <summary>What each message was answered.</summary>
    public IReadOnlyList<SoakAnswer> Answers { get; init; } = [];

    /// <summary>Conversations of one to three messages, with and without pictures.</summary>
    public static IEnumerable<SoakScript> Make(int count, IReadOnlyList<PromptImage> pictures, Random random)
    {
        for (int number = 0; number < count; number++)
        {
            bool isSeeing = number % 2 == 0;
            UserMessage[] messages = new UserMessage[1 + (number % 3)];
            for (int turn = 0; turn < messages.Length; turn++)
            {
                string text = random.OneIn(2) ? Sentence(random) : random.Pick(isSeeing ? Questions : Greetings);
                messages[turn] = new UserMessage(text) { Images = isSeeing && turn == 0 ? [random.Pick(pictures)] : [] };
            }

            yield return new SoakScript(number % 7 == 6 ? "Be brief." : null, messages);
        }
    }

    public ChatSession Start(MultimodalModel model) => model.StartChat(new ChatSessionOptions { System = System });

    /// <summary>The same with the answers of a chat that nothing else runs beside.</summary>
    public async Task<SoakScript> AnsweredAsync(MultimodalModel model)
    {
        using ChatSession chat = Start(model);
        var answers = new List<SoakAnswer>();
        foreach (UserMessage message in Messages)
        {
            var tokens = new List<int>();
            var logits = new List<float[]>();
            GenerationOptions options = Greedy(
                (row, token) =>
                {
                    tokens.Add(token);
                    logits.Add(row.ToArray());
                }
            );
            answers.Add(new SoakAnswer(await TextOfAsync(chat.SendStreamingAsync(message, options)), tokens, logits));
        }

        return this with
        {
            Answers = answers,
        };
    }

    /// <summary>How everything is answered here.</summary>
    public static GenerationOptions Greedy(TokenWatch watch) =>
        new()
        {
            MaxTokens = AnswerLength,
            Temperature = 0,
            Seed = 1,
            Watch = watch,
        };

    public static async Task<string> TextOfAsync(IAsyncEnumerable<GenerationUpdate> answer)
    {
        string text = "";
        await foreach (GenerationUpdate update in answer)
            text += update.Text;
        return text;
    }

    private static string Sentence(Random random) =>
        string.Join(' ', Enumerable.Range(0, random.Next(2, 10)).Select(_ => random.Pick(Words)));
}
