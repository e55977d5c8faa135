using Tessera.Models;

namespace Tessera.Prompting;

/// <summary>A piece of a prompt before it is tokenized: text, or the place of a picture.</summary>
/// <param name="Text">The text, or null for a picture.</param>
internal readonly record struct PromptPiece(string? Text)
{
    public static PromptPiece Image => new(null);

    public bool IsImage => Text is null;
}

/// <summary>Finds the places of pictures in a prompt and writes the family's turns.</summary>
internal static class PromptText
{
    /// <summary>Stands for a picture in a raw prompt.</summary>
    public const string ImageMarker = "<__media__>";

    /// <summary>Cuts a text at its image markers.</summary>
    public static IReadOnlyList<PromptPiece> Split(string text)
    {
        var pieces = new List<PromptPiece>();
        string[] texts = text.Split(ImageMarker);
        for (int index = 0; index < texts.Length; index++)
        {
            if (index > 0) pieces.Add(PromptPiece.Image);
            if (texts[index].Length > 0) pieces.Add(new PromptPiece(texts[index]));
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
}
