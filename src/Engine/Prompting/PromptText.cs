using Tessera.Models;

namespace Tessera.Prompting;

/// <summary>A piece of a prompt before it is tokenized: text, or embeddings of a picture.</summary>
/// <param name="Text">The text, or null for embeddings.</param>
/// <param name="ImageIndex">Which of the prompt's pictures the embeddings are of.</param>
/// <param name="Start">The first embedding.</param>
/// <param name="Count">Number of embeddings.</param>
internal readonly record struct PromptPiece(string? Text, int ImageIndex = 0, int Start = 0, int Count = 0);

/// <summary>Finds the places of pictures in a prompt and writes the family's turns.</summary>
internal static class PromptText
{
    /// <summary>Stands for a picture in a raw prompt.</summary>
    public const string ImageMarker = "<__media__>";

    /// <summary>How many pictures a text has places for.</summary>
    public static int CountPlaces(string text) => text.Split(ImageMarker).Length - 1;

    /// <summary>Puts what stands for each picture in the place of its marker; texts that meet are joined, and so are embeddings.</summary>
    /// <param name="text">The prompt with a marker for each picture.</param>
    /// <param name="images">What stands for each picture: text, and embeddings by their count.</param>
    public static IReadOnlyList<PromptPiece> Expand(string text, IReadOnlyList<IReadOnlyList<PromptPiece>> images)
    {
        var pieces = new List<PromptPiece>();
        string[] texts = text.Split(ImageMarker);
        for (int index = 0; index < texts.Length; index++)
        {
            if (index > 0) AddImage(pieces, index - 1, images[index - 1]);
            AddText(pieces, texts[index]);
        }

        return pieces;
    }

    /// <summary>One user's turn with its pictures, ready for the answer, in the family's own words.</summary>
    /// <param name="family">The family's wording.</param>
    /// <param name="system">The system sentence; null for the family's own.</param>
    /// <param name="userText">The user's text with a marker for each picture.</param>
    public static string FamilyTurn(FamilyPrompt family, string? system, string userText)
    {
        string opening = system is null ? family.System : system.Length == 0 ? "" : system + " ";
        return opening + family.UserPrefix + userText + family.AssistantPrefix;
    }

    /// <summary>The user's text with its pictures in front, each followed by the family's separator.</summary>
    public static string WithImagesFirst(FamilyPrompt family, int imageCount, string text) =>
        string.Concat(Enumerable.Repeat(ImageMarker + family.AfterImage, imageCount)) + text;

    private static void AddImage(List<PromptPiece> pieces, int imageIndex, IReadOnlyList<PromptPiece> image)
    {
        int start = 0;
        foreach (PromptPiece part in image)
        {
            if (part.Text is not null) AddText(pieces, part.Text);
            else if (pieces.Count > 0 && pieces[^1] is { Text: null } last && last.ImageIndex == imageIndex) pieces[^1] = last with { Count = last.Count + part.Count };
            else pieces.Add(new PromptPiece(null, imageIndex, start, part.Count));
            start += part.Count;
        }
    }

    private static void AddText(List<PromptPiece> pieces, string text)
    {
        if (text.Length == 0) return;
        if (pieces.Count > 0 && pieces[^1].Text is string before) pieces[^1] = new PromptPiece(before + text);
        else pieces.Add(new PromptPiece(text));
    }
}
