using System.Text;
using Microsoft.Extensions.AI;

namespace Tessera.Server.Answers;

/// <summary>An answer, put together from its updates.</summary>
internal sealed class WholeAnswer
{
    private readonly StringBuilder text = new(),
        reasoning = new();

    public string Text => text.ToString();

    public string Reasoning => reasoning.ToString();

    public List<FunctionCallContent> Calls { get; } = [];

    /// <summary>How it ended; null until it has.</summary>
    public AnswerEnding? Ending { get; private set; }

    public void Add(ChatResponseUpdate update)
    {
        foreach (AIContent content in update.Contents)
        {
            if (content is TextReasoningContent thought)
                reasoning.Append(thought.Text);
            else if (content is TextContent said)
                text.Append(said.Text);
            else if (content is FunctionCallContent call)
                Calls.Add(call);
        }

        Ending = AnswerEnding.Of(update) ?? Ending;
    }
}
