using Tessera.Gguf;

namespace Tessera.Vision.Families.Blip;

/// <summary>BLIP: captions, answers to questions, and how well pictures and texts match.</summary>
internal static class BlipFamily
{
    public static VisionFamily Row { get; } = new(["blip"], static _ => true, static _ => "BLIP", Open, BlipShape.Released);

    private static FamilyParts Open(GgufFile file, Preprocessing preprocessing)
    {
        BlipConfig config = BlipConfig.Read(file, preprocessing);
        bool isMatching = BlipConfig.IsMatching(file),
            readsQuestion = config.Text is not null && !isMatching;
        return new FamilyParts(
            new BlipImageProcessor(config, readsQuestion),
            config.LanguageWidth,
            weights =>
                isMatching ? new BlipMatchingEncoder(config, config.Text!, weights)
                : readsQuestion ? new BlipQuestionEncoder(config, config.Text!, weights)
                : new BlipEncoder(config, weights),
            BlipPrompt.Wording
        )
        {
            MemoryWidth = readsQuestion ? config.Text!.Width : config.Tower.Tower.HiddenSize,
            VectorWidth = config.VectorWidth,
            StartsBehindRows = true,
            AnswersAlone = true,
            ReadsPrompt = readsQuestion,
            Languages =
                isMatching ? []
                : readsQuestion ? ["blip-vqa"]
                : ["blip"],
        };
    }
}
