using Tessera.ChatTemplates;
using Tessera.Text;
using Tessera.Vision.Families;

namespace Tessera.Prompting;

/// <summary>What a user said and was answered.</summary>
/// <param name="UserText">The user's text; its markers are the places of pictures, without any the pictures come first.</param>
/// <param name="ImageCount">Number of pictures.</param>
/// <param name="Answer">The answer; null in the last exchange, which is to be answered.</param>
internal sealed record Exchange(string UserText, int ImageCount, string? Answer);

/// <summary>
/// Writes a conversation the way the model expects it: by the chat template in the language model's file, or in the family's own words
/// where the file has none.
/// </summary>
internal sealed class ChatPrompt(ChatTemplate? template, FamilyPrompt wording, Vocabulary vocabulary)
{
    private static readonly Dictionary<string, TemplateValue> noVariables = [];
    private readonly FamilyPrompt family = wording.For(vocabulary.Has);

    /// <summary>The whole prompt up to the next answer, with <see cref="PromptText.ImageMarker"/> for each picture.</summary>
    /// <param name="system">The system sentence; null for the model's own.</param>
    /// <param name="exchanges">The conversation.</param>
    /// <exception cref="TemplateException">The file's template fails.</exception>
    public string Write(string? system, IReadOnlyList<Exchange> exchanges)
    {
        if (template is null)
            return PromptText.FamilyConversation(family, system, exchanges);
        return Write(
            template,
            exchanges.Any(static exchange => exchange.ImageCount > 0),
            noVariables,
            asParts =>
                Messages(
                    system,
                    exchanges,
                    exchange => asParts ? Parts(WithPlacesOnly(exchange)) : [new ChatTemplatePart(PromptText.WithPlaces(family, exchange))]
                )
        );
    }

    /// <summary>The whole prompt up to the next answer, from messages of any roles.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="variables">What else the template is told, such as tools.</param>
    /// <exception cref="TesseraException">There is no template, and the family's wording knows no such messages.</exception>
    public string Write(IReadOnlyList<ChatTemplateMessage> messages, IReadOnlyDictionary<string, TemplateValue> variables)
    {
        if (template is not null)
            return Write(
                template,
                messages.Any(static message => message.ImageCount > 0),
                variables,
                asParts => asParts ? messages : [.. messages.Select(message => MessageExchanges.WithPlacesInText(family, message))]
            );
        (string? system, IReadOnlyList<Exchange> exchanges) = MessageExchanges.Of(family, messages, variables.Keys);
        return PromptText.FamilyConversation(family, system, exchanges);
    }

    private string Write(
        ChatTemplate by,
        bool hasImages,
        IReadOnlyDictionary<string, TemplateValue> variables,
        Func<bool, IReadOnlyList<ChatTemplateMessage>> messages
    )
    {
        var renderer = new ChatPromptRenderer(by, family.ImagePlaceholders, PromptText.ImageMarker);
        return hasImages && renderer.TakesParts && TryRender(renderer, messages(true), variables, out string text)
            ? text
            : Render(renderer, messages(false), variables);
    }

    // A template may take lists of parts and yet print nothing for a picture; then the places go into its text.
    private bool TryRender(
        ChatPromptRenderer renderer,
        IReadOnlyList<ChatTemplateMessage> messages,
        IReadOnlyDictionary<string, TemplateValue> variables,
        out string text
    )
    {
        try
        {
            text = Render(renderer, messages, variables);
            return true;
        }
        catch (TemplateException)
        {
            text = "";
            return false;
        }
    }

    private string Render(
        ChatPromptRenderer renderer,
        IReadOnlyList<ChatTemplateMessage> messages,
        IReadOnlyDictionary<string, TemplateValue> variables
    ) => Join(renderer.Render(messages, addGenerationPrompt: true, vocabulary.StartText, vocabulary.EndText, variables));

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
                messages.Add(new ChatTemplateMessage("assistant", exchange.Answer));
        }

        return messages;
    }

    // What follows a picture is the template's business when it takes parts.
    private static string WithPlacesOnly(Exchange exchange) =>
        PromptText.CountPlaces(exchange.UserText) > 0
            ? exchange.UserText
            : string.Concat(Enumerable.Repeat(PromptText.ImageMarker, exchange.ImageCount)) + exchange.UserText;

    private static List<ChatTemplatePart> Parts(string userText)
    {
        var parts = new List<ChatTemplatePart>();
        string[] texts = userText.Split(PromptText.ImageMarker);
        for (int index = 0; index < texts.Length; index++)
        {
            if (index > 0)
                parts.Add(ChatTemplatePart.Image);
            if (texts[index].Length > 0)
                parts.Add(new ChatTemplatePart(texts[index]));
        }

        return parts;
    }

    private static string Join(IReadOnlyList<PromptSegment> segments) =>
        string.Concat(segments.Select(static segment => segment.Text ?? PromptText.ImageMarker));
}
