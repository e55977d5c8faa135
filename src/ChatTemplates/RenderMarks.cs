using System.Globalization;

namespace Tessera.ChatTemplates;

/// <summary>Marks that occur in none of a conversation's texts, by which images and wanted texts are found in what a template
/// prints.</summary>
internal sealed class RenderMarks
{
    // Private-use characters: no template prints them, and few people write them.
    private const char Open = '\uE000',
        Close = '\uE001';
    private readonly string prefix;
    private readonly Dictionary<int, string> slots = [];

    /// <summary>Chooses marks for a conversation.</summary>
    public RenderMarks(IReadOnlyList<ChatTemplateMessage> messages)
    {
        string all = string.Concat(messages.Select(static message => message.Text));
        prefix = $"{Open}";
        while (all.Contains(prefix, StringComparison.Ordinal))
            prefix += Open;
        Image = $"{prefix}image{Close}";
        foreach (ChatTemplatePart part in messages.SelectMany(static message => message.Parts))
            if (part is { Slot: int slot, Text: { Length: > 0 } text })
                slots[slot] = text;
    }

    /// <summary>Stands for an image in the content of templates that take it as one string only.</summary>
    public string Image { get; }

    /// <summary>Whether the places of texts are wanted.</summary>
    public bool HasSlots => slots.Count > 0;

    /// <summary>The messages with marks in the place of the texts whose places are wanted.</summary>
    public IReadOnlyList<ChatTemplateMessage> InPlace(IReadOnlyList<ChatTemplateMessage> messages) =>
        [.. messages.Select(message => message with { Parts = [.. message.Parts.Select(InPlace)] })];

    /// <summary>What was printed with marks, with the texts again; null where a mark is missing or comes twice.</summary>
    public string? Fill(string marked)
    {
        foreach ((int slot, string text) in slots)
        {
            if (marked.Split(MarkOf(slot)).Length != 2)
                return null;
            marked = marked.Replace(MarkOf(slot), text, StringComparison.Ordinal);
        }

        return marked;
    }

    /// <summary>What was printed as texts with the places of images, and of the texts that are wanted, between them.</summary>
    /// <param name="text">What was printed.</param>
    /// <param name="imagePlaces">What stands for an image; of two at one place the earlier counts.</param>
    public List<PromptSegment> Split(string text, IReadOnlyList<string> imagePlaces)
    {
        (string Mark, PromptSegment Segment)[] marks =
        [
            .. slots.Select(slot => (MarkOf(slot.Key), new PromptSegment(slot.Value, slot.Key))),
            .. imagePlaces.Select(static place => (place, new PromptSegment(null))),
        ];
        List<PromptSegment> segments = [];
        int start = 0;
        for (int index = 0; index < text.Length; )
        {
            (string mark, PromptSegment segment) = Array.Find(
                marks,
                candidate => string.CompareOrdinal(text, index, candidate.Mark, 0, candidate.Mark.Length) == 0
            );
            if (mark is null)
            {
                index++;
                continue;
            }

            if (index > start)
                segments.Add(new PromptSegment(text[start..index]));
            segments.Add(segment);
            start = index += mark.Length;
        }

        if (start < text.Length)
            segments.Add(new PromptSegment(text[start..]));
        return segments;
    }

    private ChatTemplatePart InPlace(ChatTemplatePart part) =>
        part.Slot is int slot && slots.ContainsKey(slot) ? new ChatTemplatePart(MarkOf(slot)) : part;

    private string MarkOf(int slot) => $"{prefix}{slot.ToString(CultureInfo.InvariantCulture)}{Close}";
}
