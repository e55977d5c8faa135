using Tessera.ChatTemplates;
using Tessera.Vision.Families;

namespace Tessera.Prompting;

/// <summary>Brings messages of any roles into the form that families without a chat template know: turns of a user and an answer.</summary>
internal static class MessageExchanges
{
    /// <summary>The system sentence, and the conversation as exchanges of which the last is to be answered.</summary>
    /// <param name="family">The family's wording.</param>
    /// <param name="messages">The conversation.</param>
    /// <param name="variables">Names of what else a template would be told.</param>
    /// <exception cref="TesseraException">The wording has no place for tools, or for a system sentence later than the first
    /// message.</exception>
    public static (string? System, IReadOnlyList<Exchange> Exchanges) Of(
        FamilyPrompt family,
        IReadOnlyList<ChatTemplateMessage> messages,
        IEnumerable<string> variables
    )
    {
        if (variables.Contains("tools"))
            throw new TesseraException("The model has no chat template, so it cannot be told of tools.");
        string? system = messages is [{ Role: "system" } first, ..] ? first.Text : null;
        var exchanges = new List<Exchange>();
        for (int index = system is null ? 0 : 1; index < messages.Count; index++)
        {
            ChatTemplateMessage message = messages[index];
            Exchange? open = exchanges is [.., { Answer: null } last] ? last : null;
            if (message.Role == "user")
                Put(exchanges, open, FamilyConversation.Placed(family, message));
            else if (message is { Role: "assistant", ToolCalls.Count: 0 })
                Answer(exchanges, open, message);
            else
                throw new TesseraException(
                    $"The model has no chat template, and its family's wording has no place for message {index}, of the role "
                        + $"{message.Role}{(message.ToolCalls.Count > 0 ? " with calls of tools" : "")}."
                );
        }

        if (exchanges is [] or [.., { Answer: not null }])
            exchanges.Add(new Exchange([], 0, null));
        return (system, exchanges);
    }

    // Users who speak twice before an answer speak in one turn.
    private static void Put(List<Exchange> exchanges, Exchange? open, IReadOnlyList<ChatTemplatePart> parts)
    {
        if (open is null)
            exchanges.Add(new Exchange(parts, 0, null));
        else
            exchanges[^1] = open with { Parts = [.. open.Parts, new ChatTemplatePart("\n"), .. parts] };
    }

    private static void Answer(List<Exchange> exchanges, Exchange? open, ChatTemplateMessage message)
    {
        int? slot = message.Parts is [{ Slot: int number }] ? number : null;
        if (open is not null)
            exchanges[^1] = open with { Answer = message.Text, Slot = slot };
        else if (exchanges.Count > 0)
            exchanges[^1] = exchanges[^1] with { Answer = $"{exchanges[^1].Answer}\n{message.Text}", Slot = null };
        else
            exchanges.Add(new Exchange([], 0, message.Text, slot));
    }
}
