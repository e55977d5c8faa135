namespace Tessera.Prompting;

/// <summary>
/// Remembers the tokens of the latest answers by their text, for callers who keep the conversation themselves and hand its texts back:
/// with the tokens in place, the KV cache of the turn before is continued. Thread-safe.
/// </summary>
internal sealed class AnswerMemory
{
    private const int MaxCount = 256;
    private const int MaxLength = 1 << 16;
    private readonly Lock gate = new();
    private readonly Dictionary<string, GeneratedAnswer> answers = [];
    private readonly Queue<string> order = new();

    /// <summary>The answer with this text, or null.</summary>
    public GeneratedAnswer? Find(string text)
    {
        lock (gate)
            return answers.GetValueOrDefault(text);
    }

    /// <summary>Remembers an answer; the oldest is forgotten.</summary>
    public void Add(GeneratedAnswer answer)
    {
        if (answer.Ids.Count == 0 || answer.Text.Length > MaxLength)
            return;
        lock (gate)
        {
            if (!answers.ContainsKey(answer.Text))
                order.Enqueue(answer.Text);
            answers[answer.Text] = answer;
            if (order.Count > MaxCount)
                answers.Remove(order.Dequeue());
        }
    }
}
