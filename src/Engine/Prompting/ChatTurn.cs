using Tessera.Models;
using Tessera.Templates;
using Tessera.Text;

namespace Tessera.Prompting;

/// <summary>
/// Writes a user's turn the way the model expects it: by the chat template in the language model's file, or in the family's own words
/// where the file has none.
/// </summary>
internal sealed class ChatTurn(ChatTemplate? template, FamilyPrompt family, Vocabulary vocabulary)
{
    /// <summary>The whole prompt up to the answer, with <see cref="PromptText.ImageMarker"/> for each picture.</summary>
    /// <param name="system">The system sentence; null for the model's own.</param>
    /// <param name="userText">The user's text; its markers are the places of pictures, without any the pictures come first.</param>
    /// <param name="imageCount">Number of pictures.</param>
    /// <exception cref="TemplateException">The file's template fails.</exception>
    public string Write(string? system, string userText, int imageCount)
    {
        bool placed = PromptText.CountPlaces(userText) > 0;
        string textWithPlaces = placed ? userText : PromptText.WithImagesFirst(family, imageCount, userText);
        if (template is null) return PromptText.FamilyTurn(family, system, textWithPlaces);

        var renderer = new ChatPromptRenderer(template, family.ImagePlaceholders, PromptText.ImageMarker);
        if (imageCount > 0 && renderer.TakesParts && TryWriteParts(renderer, system, placed ? userText : PlacesFirst(imageCount, userText), out string text)) return text;
        return Join(Render(renderer, system, [new ChatTemplatePart(textWithPlaces)]));
    }

    // A template may take lists of parts and yet print nothing for a picture; then the places go into its text.
    private bool TryWriteParts(ChatPromptRenderer renderer, string? system, string userText, out string text)
    {
        try
        {
            text = Join(Render(renderer, system, Parts(userText)));
            return true;
        }
        catch (TemplateException)
        {
            text = "";
            return false;
        }
    }

    private IReadOnlyList<PromptSegment> Render(ChatPromptRenderer renderer, string? system, IReadOnlyList<ChatTemplatePart> userParts)
    {
        var messages = new List<ChatTemplateMessage>();
        if (!string.IsNullOrEmpty(system)) messages.Add(new ChatTemplateMessage("system", system));
        messages.Add(new ChatTemplateMessage("user", userParts));
        return renderer.Render(messages, addGenerationPrompt: true, vocabulary.StartText, vocabulary.EndText);
    }

    // What follows a picture is the template's business when it takes parts.
    private static string PlacesFirst(int imageCount, string userText) =>
        string.Concat(Enumerable.Repeat(PromptText.ImageMarker, imageCount)) + userText;

    private static List<ChatTemplatePart> Parts(string userText)
    {
        var parts = new List<ChatTemplatePart>();
        string[] texts = userText.Split(PromptText.ImageMarker);
        for (int index = 0; index < texts.Length; index++)
        {
            if (index > 0) parts.Add(ChatTemplatePart.Image);
            if (texts[index].Length > 0) parts.Add(new ChatTemplatePart(texts[index]));
        }

        return parts;
    }

    private static string Join(IReadOnlyList<PromptSegment> segments) => string.Concat(segments.Select(static segment => segment.Text ?? PromptText.ImageMarker));
}
