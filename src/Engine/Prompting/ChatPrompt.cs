using Tessera.ChatTemplates;
using Tessera.Text;
using Tessera.Vision.Families;

namespace Tessera.Prompting;

/// <summary>What a user said and was answered.</summary>
/// <param name="Parts">The user's texts and media in their places.</param>
/// <param name="UnplacedCount">Media beside these that have no place in the text.</param>
/// <param name="Answer">The answer; null in the last exchange, which is to be answered.</param>
/// <param name="Slot">Number by which the answer's place is wanted; null if it is not.</param>
internal sealed record Exchange(IReadOnlyList<ChatTemplatePart> Parts, int UnplacedCount, string? Answer, int? Slot = null)
{
    /// <summary>Whether the user shows anything.</summary>
    public bool HasMedia => UnplacedCount > 0 || Parts.Any(static part => part.IsImage);
}

/// <summary>
/// Writes a conversation the way the model expects it: by the chat template in the language model's file, or in the family's own words
/// where the file has none.
/// </summary>
internal sealed class ChatPrompt(ChatTemplate? template, FamilyPrompt wording, Vocabulary vocabulary)
{
    private static readonly Dictionary<string, TemplateValue> NoVariables = [];
    private readonly FamilyPrompt family = wording.For(vocabulary.Has);

    /// <summary>The whole prompt up to the next answer, with the places of media and of answers.</summary>
    /// <param name="system">The system sentence; null for the model's own.</param>
    /// <param name="exchanges">The conversation.</param>
    /// <exception cref="TemplateException">The file's template fails.</exception>
    public IReadOnlyList<PromptSegment> Write(string? system, IReadOnlyList<Exchange> exchanges)
    {
        if (template is null)
            return FamilyConversation.Write(family, system, exchanges);
        return Write(
            template,
            exchanges.Any(static exchange => exchange.HasMedia),
            NoVariables,
            asParts => Messages(system, exchanges, exchange => asParts ? PlacesOnly(exchange) : FamilyConversation.Placed(family, exchange))
        );
    }

    /// <summary>The whole prompt up to the next answer, from messages of any roles.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="variables">What else the template is told, such as tools.</param>
    /// <exception cref="TesseraException">There is no template, and the family's wording knows no such messages.</exception>
    public IReadOnlyList<PromptSegment> Write(
        IReadOnlyList<ChatTemplateMessage> messages,
        IReadOnlyDictionary<string, TemplateValue> variables
    )
    {
        if (template is not null)
            return Write(
                template,
                messages.Any(static message => message.ImageCount > 0),
                variables,
                asParts =>
                    asParts
                        ? messages
                        : [.. messages.Select(message => message with { Parts = FamilyConversation.Placed(family, message) })]
            );
        (string? system, IReadOnlyList<Exchange> exchanges) = MessageExchanges.Of(family, messages, variables.Keys);
        return FamilyConversation.Write(family, system, exchanges);
    }

    private IReadOnlyList<PromptSegment> Write(
        ChatTemplate by,
        bool hasImages,
        IReadOnlyDictionary<string, TemplateValue> variables,
        Func<bool, IReadOnlyList<ChatTemplateMessage>> messages
    )
    {
        var renderer = new ChatPromptRenderer(by, family.ImagePlaceholders);
        return hasImages && renderer.TakesParts && TryRender(renderer, messages(true), variables, out IReadOnlyList<PromptSegment> prompt)
            ? prompt
            : Render(renderer, messages(false), variables);
    }

    // A template may take lists of parts and yet print nothing for a picture; then the places go into its text.
    private bool TryRender(
        ChatPromptRenderer renderer,
        IReadOnlyList<ChatTemplateMessage> messages,
        IReadOnlyDictionary<string, TemplateValue> variables,
        out IReadOnlyList<PromptSegment> prompt
    )
    {
        try
        {
            prompt = Render(renderer, messages, variables);
            return true;
        }
        catch (TemplateException)
        {
            prompt = [];
            return false;
        }
    }

    private IReadOnlyList<PromptSegment> Render(
        ChatPromptRenderer renderer,
        IReadOnlyList<ChatTemplateMessage> messages,
        IReadOnlyDictionary<string, TemplateValue> variables
    ) => renderer.Render(messages, addGenerationPrompt: true, vocabulary.StartText, vocabulary.EndText, variables);

    private static List<ChatTemplateMessage> Messages(
        string? system,
        IReadOnlyList<Exchange> exchanges,
        Func<Exchange, IReadOnlyList<ChatTemplatePart>> userParts
    )
    {
        var messages = new List<ChatTemplateMessage>();
        if (!string.IsNullOrEmpty(system))
            messages.Add(new ChatTemplateMessage("system", system));
        foreach (Exchange exchange in exchanges)
        {
            messages.Add(new ChatTemplateMessage("user", userParts(exchange)));
            if (exchange.Answer is not null)
                messages.Add(new ChatTemplateMessage("assistant", [new ChatTemplatePart(exchange.Answer, exchange.Slot)]));
        }

        return messages;
    }

    // What follows a picture is the template's business when it takes parts.
    private static IReadOnlyList<ChatTemplatePart> PlacesOnly(Exchange exchange) =>
        [.. Enumerable.Repeat(ChatTemplatePart.Image, exchange.UnplacedCount), .. exchange.Parts];
}
