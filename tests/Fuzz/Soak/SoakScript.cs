namespace Tessera.Fuzz.Soak;

/// <summary>A conversation that is always held in the same words, with the answers that it had when it was alone.</summary>
/// <param name="System">The system sentence, or null.</param>
/// <param name="Messages">What is asked, in order.</param>
internal sealed record SoakScript(string? System, IReadOnlyList<UserMessage> Messages)
{
    public const int AnswerLength = 12;

    // What the small model was trained to be asked (models/tiny/questions.py).
    private static readonly string[] Questions =
    [
        "What is in this picture?",
        "What shape is this?",
        "What is the text in the picture?",
        "How many circles are there?",
        "Name it.",
    ];

    private static readonly string[] Words = ["Hello", "Who are you?", "How are you?", "Thank you!"];

    /// <summary>What each message was answered.</summary>
    public IReadOnlyList<string> Answers { get; init; } = [];

    /// <summary>Conversations of one to three messages, with and without pictures.</summary>
    public static IEnumerable<SoakScript> Make(int count, IReadOnlyList<PromptImage> pictures)
    {
        for (int number = 0; number < count; number++)
        {
            IEnumerable<UserMessage> messages = Enumerable
                .Range(0, 1 + (number % 3))
                .Select(turn =>
                    number % 2 == 0
                        ? new UserMessage(Questions[(number + turn) % Questions.Length])
                        {
                            Images = turn == 0 ? [pictures[number % pictures.Count]] : [],
                        }
                        : new UserMessage(Words[(number + turn) % Words.Length])
                );
            yield return new SoakScript(number % 7 == 6 ? "Be brief." : null, [.. messages]);
        }
    }

    public ChatSession Start(MultimodalModel model) => model.StartChat(new ChatSessionOptions { System = System });

    /// <summary>One answer of a chat, greedy.</summary>
    public static async Task<string> AskAsync(ChatSession chat, UserMessage message, CancellationToken cancellationToken = default)
    {
        string text = "";
        var options = new GenerationOptions
        {
            MaxTokens = AnswerLength,
            Temperature = 0,
            Seed = 1,
        };
        await foreach (GenerationUpdate update in chat.SendAsync(message, options, cancellationToken: cancellationToken))
            text += update.Text;
        return text;
    }

    /// <summary>The same with the answers of a chat that nothing else runs beside.</summary>
    public async Task<SoakScript> AnsweredAsync(MultimodalModel model)
    {
        using ChatSession chat = Start(model);
        var answers = new List<string>();
        foreach (UserMessage message in Messages)
            answers.Add(await AskAsync(chat, message));
        return this with { Answers = answers };
    }
}
