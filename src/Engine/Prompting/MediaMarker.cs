using Tessera.ChatTemplates;

namespace Tessera.Prompting;

/// <summary>The marker that stands for a picture or a video in what a person writes. Behind this parser, places are typed.</summary>
internal static class MediaMarker
{
    public const string Text = "<__media__>";

    /// <summary>A text without the places of media.</summary>
    public static string WithoutPlaces(string written) => written.Replace(Text, "", StringComparison.Ordinal);

    /// <summary>Texts with the places of media between them.</summary>
    public static IReadOnlyList<ChatTemplatePart> Parse(string written)
    {
        var parts = new List<ChatTemplatePart>();
        string[] texts = written.Split(Text);
        for (int index = 0; index < texts.Length; index++)
        {
            if (index > 0)
                parts.Add(ChatTemplatePart.Image);
            if (texts[index].Length > 0)
                parts.Add(new ChatTemplatePart(texts[index]));
        }

        return parts;
    }
}
