using Tessera.ChatTemplates;

namespace Tessera.Prompting;

/// <summary>What is left of conversations with families that know neither turns nor several pictures: the last question, and the latest
/// pictures.</summary>
internal static class LoneQuestion
{
    /// <summary>A conversation's last turn; where it shows nothing, with what the latest turn before it showed.</summary>
    public static Conversation Of(Conversation conversation)
    {
        ConversationTurn last = conversation.Turns[^1];
        if (last.Media.Count == 0 && conversation.Turns.LastOrDefault(static turn => turn.Media.Count > 0) is { } showing)
            last = last with { Media = showing.Media };
        return conversation with { Turns = [last], System = "" };
    }

    /// <summary>The same of messages.</summary>
    public static Transcript Of(Transcript transcript)
    {
        IReadOnlyList<ChatTemplateMessage> messages = transcript.Messages;
        if (messages.LastOrDefault(static message => message.Role == "user") is not { } last)
            return transcript;
        var (shown, first) = (last, 0);
        int passed = 0;
        foreach (ChatTemplateMessage message in messages)
        {
            if (message.ImageCount > 0)
                (shown, first) = (message, passed);
            passed += message.ImageCount;
            if (ReferenceEquals(message, last))
                break;
        }

        ChatTemplatePart[] pictures = [.. shown.Parts.Where(static part => part.IsImage)];
        ChatTemplatePart[] words = [.. last.Parts.Where(static part => !part.IsImage)];
        return transcript with
        {
            Messages = [last with { Parts = [.. pictures, .. words] }],
            Media = [.. transcript.Media.Skip(first).Take(pictures.Length)],
        };
    }
}
