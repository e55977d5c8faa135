using System.Globalization;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.InstructBlip;

/// <summary>InstructBLIP's projector.</summary>
internal static class InstructBlipShape
{
    private const int VocabularySize = 30523;

    public static ProjectorShape Released { get; } = new("Salesforce/instructblip-vicuna-7b", static draft => Write(draft, "llama"));

    /// <summary>The one for FLAN-T5.</summary>
    public static ProjectorShape ReleasedT5 { get; } = new("Salesforce/instructblip-flan-t5-xl", static draft => Write(draft, "t5"));

    private static void Write(ProjectorDraft draft, string language)
    {
        TowerShape tower = TowerShape.EvaGiant;
        tower.Write(draft, "qformer");
        QFormerShape.Bert.Write(draft, tower.Width, Pieces());
        draft.Metadata("clip.vision.projector.language", language);
        draft.Linear("mm.0", QFormerShape.Bert.Width, draft.LanguageWidth);
    }

    // The special ones where BERT has them; the letters, so that words take about as many tokens as there are letters; and nothing else.
    private static string[] Pieces()
    {
        string[] pieces =
        [
            .. Enumerable.Range(0, VocabularySize).Select(static id => $"[unused{id.ToString(CultureInfo.InvariantCulture)}]"),
        ];
        (pieces[0], pieces[100], pieces[101], pieces[102], pieces[103]) = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]");
        for (char letter = '!'; letter <= '~'; letter++)
            (pieces[1000 + letter], pieces[2000 + letter]) = (letter.ToString(), $"##{letter}");
        return pieces;
    }
}
