using System.Globalization;
using Tessera.ChatTemplates;
using Tessera.Vision.Families;

namespace Tessera.Prompting;

/// <summary>Writes conversations in a family's own words, where the language model's file has no template.</summary>
internal static class FamilyConversation
{
    /// <summary>A conversation up to the next answer.</summary>
    /// <param name="family">The family's wording.</param>
    /// <param name="system">The system sentence; null for the family's own.</param>
    /// <param name="exchanges">The conversation.</param>
    public static IReadOnlyList<PromptSegment> Write(FamilyPrompt family, string? system, IReadOnlyList<Exchange> exchanges)
    {
        var segments = new List<PromptSegment>();
        Add(
            segments,
            system is null ? family.System
                : system.Length == 0 ? ""
                : family.SystemForm.Replace("{0}", system, StringComparison.Ordinal)
        );
        foreach (Exchange exchange in exchanges)
        {
            IReadOnlyList<ChatTemplatePart> parts = Placed(family, exchange);
            int prefixAt = family.ImagesComeFirst ? parts.Count - exchange.Parts.Count : 0;
            for (int index = 0; index <= parts.Count; index++)
            {
                if (index == prefixAt)
                    Add(segments, family.UserPrefix);
                if (index < parts.Count)
                    Add(segments, parts[index].Text);
            }

            Add(segments, family.AssistantPrefix);
            if (exchange.Answer is null)
                continue;
            Add(segments, family.BeforeAnswer);
            if (exchange.Slot is null)
                Add(segments, exchange.Answer);
            else
                segments.Add(new PromptSegment(exchange.Answer, exchange.Slot));
            Add(segments, family.AfterAnswer);
        }

        return segments;
    }

    /// <summary>A user's texts and media as the family's authors write them: those without a place in front, each with its label and
    /// followed by the separator.</summary>
    public static IReadOnlyList<ChatTemplatePart> Placed(FamilyPrompt family, Exchange exchange)
    {
        var placed = new List<ChatTemplatePart>();
        for (int number = 1; number <= exchange.UnplacedCount; number++)
        {
            string label = exchange.UnplacedCount > 1 ? family.ImageLabel : "";
            AddText(placed, label.Replace("{0}", number.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal));
            placed.Add(ChatTemplatePart.Image);
            AddText(placed, family.AfterImage);
        }

        placed.AddRange(exchange.Parts);
        return placed;
    }

    /// <summary>
    /// The same of a message: media between its texts keep their places, others go in front.
    /// </summary>
    public static IReadOnlyList<ChatTemplatePart> Placed(FamilyPrompt family, ChatTemplateMessage message)
    {
        IReadOnlyList<ChatTemplatePart> parts = message.Parts;
        int changes = Enumerable.Range(1, Math.Max(0, parts.Count - 1)).Count(index => parts[index].IsImage != parts[index - 1].IsImage);
        return message.ImageCount == 0 || changes > 1
            ? parts
            : Placed(family, new Exchange([.. parts.Where(static part => !part.IsImage)], message.ImageCount, null));
    }

    private static void AddText(List<ChatTemplatePart> parts, string text)
    {
        if (text.Length > 0)
            parts.Add(new ChatTemplatePart(text));
    }

    private static void Add(List<PromptSegment> segments, string? text)
    {
        if (text is { Length: 0 })
            return;
        if (text is not null && segments is [.., { IsImage: false, Slot: null } last])
            segments[^1] = new PromptSegment(last.Text + text);
        else
            segments.Add(new PromptSegment(text));
    }
}
