using System.Globalization;
using Tessera.Vision.Families;

namespace Tessera.Prompting;

/// <summary>A piece of a prompt before it is tokenized: text, tokens of an earlier answer, or embeddings of a picture.</summary>
/// <param name="Text">The text, or null.</param>
/// <param name="ImageIndex">Which of the prompt's pictures the embeddings are of.</param>
/// <param name="Start">The first embedding.</param>
/// <param name="Count">Number of embeddings.</param>
/// <param name="Ids">The tokens, or null.</param>
/// <param name="IsToken">Whether the text is exactly one token.</param>
internal readonly record struct PromptPiece(
    string? Text,
    int ImageIndex = 0,
    int Start = 0,
    int Count = 0,
    IReadOnlyList<int>? Ids = null,
    bool IsToken = false
)
{
    public bool IsEmbeddings => Text is null && Ids is null;
}

/// <summary>Finds the places of pictures in a prompt and writes the family's turns.</summary>
internal static class PromptText
{
    /// <summary>Stands for a picture in a raw prompt.</summary>
    public const string ImageMarker = "<__media__>";

    /// <summary>How many pictures a text has places for.</summary>
    public static int CountPlaces(string text) => text.Split(ImageMarker).Length - 1;

    /// <summary>Puts what stands for each picture in the place of its marker; texts that meet are joined, and so are embeddings.</summary>
    /// <param name="prompt">Texts with a marker for each picture, and tokens.</param>
    /// <param name="images">What stands for each picture: text, and embeddings by their count.</param>
    public static IReadOnlyList<PromptPiece> Expand(IReadOnlyList<PromptPiece> prompt, IReadOnlyList<IReadOnlyList<PromptPiece>> images)
    {
        var pieces = new List<PromptPiece>();
        int imageIndex = 0;
        foreach (PromptPiece piece in prompt)
        {
            if (piece.Text is null)
            {
                pieces.Add(piece);
                continue;
            }

            string[] texts = piece.Text.Split(ImageMarker);
            AddText(pieces, texts[0]);
            foreach (string text in texts[1..])
            {
                AddImage(pieces, imageIndex, images[imageIndex]);
                imageIndex++;
                AddText(pieces, text);
            }
        }

        return pieces;
    }

    /// <summary>A conversation up to the next answer, in the family's own words.</summary>
    /// <param name="family">The family's wording.</param>
    /// <param name="system">The system sentence; null for the family's own.</param>
    /// <param name="exchanges">The conversation.</param>
    public static string FamilyConversation(FamilyPrompt family, string? system, IReadOnlyList<Exchange> exchanges)
    {
        string opening =
            system is null ? family.System
            : system.Length == 0 ? ""
            : family.SystemForm.Replace("{0}", system, StringComparison.Ordinal);
        IEnumerable<string> turns = exchanges.Select(exchange =>
            family.UserPrefix
            + WithPlaces(family, exchange)
            + family.AssistantPrefix
            + (exchange.Answer is null ? "" : family.BeforeAnswer + exchange.Answer + family.AfterAnswer)
        );
        return opening + string.Concat(turns);
    }

    /// <summary>The user's text with places for its pictures: in front, each followed by the family's separator, where it has
    /// none.</summary>
    public static string WithPlaces(FamilyPrompt family, Exchange exchange) =>
        CountPlaces(exchange.UserText) > 0
            ? exchange.UserText
            : string.Concat(
                Enumerable
                    .Range(1, exchange.ImageCount)
                    .Select(number => Label(family, number, exchange.ImageCount) + ImageMarker + family.AfterImage)
            ) + exchange.UserText;

    private static string Label(FamilyPrompt family, int number, int imageCount) =>
        imageCount > 1 ? family.ImageLabel.Replace("{0}", number.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal) : "";

    private static void AddImage(List<PromptPiece> pieces, int imageIndex, IReadOnlyList<PromptPiece> image)
    {
        int start = 0;
        foreach (PromptPiece part in image)
        {
            if (part.IsToken)
                pieces.Add(part);
            else if (part.Text is not null)
                AddText(pieces, part.Text);
            else if (pieces.Count > 0 && pieces[^1] is { IsEmbeddings: true } last && last.ImageIndex == imageIndex)
                pieces[^1] = last with { Count = last.Count + part.Count };
            else
                pieces.Add(new PromptPiece(null, imageIndex, start, part.Count));
            start += part.Count;
        }
    }

    private static void AddText(List<PromptPiece> pieces, string text)
    {
        if (text.Length == 0)
            return;
        if (pieces.Count > 0 && pieces[^1] is { Text: string before, IsToken: false })
            pieces[^1] = new PromptPiece(before + text);
        else
            pieces.Add(new PromptPiece(text));
    }
}
