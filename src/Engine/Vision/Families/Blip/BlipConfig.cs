using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Blip;

/// <summary>BLIP's vision side: a ViT whose tokens, the class token first, go through a norm; where it answers questions or matches texts,
/// a BERT beside it.</summary>
/// <param name="Tower">The tower.</param>
/// <param name="Text">What reads texts with the picture; null where it only captions.</param>
/// <param name="LanguageWidth">Width of the decoder that belongs to it; of the text encoder where it only matches.</param>
/// <param name="VectorWidth">Width of the vectors that pictures and texts are compared by; 0 where it does not match.</param>
internal sealed record BlipConfig(EvaTowerConfig Tower, BlipTextConfig? Text, int LanguageWidth, int VectorWidth)
{
    private const string MatchTensor = "t.itm.weight",
        VectorTensor = "t.proj.weight";
    private const int MaxWidth = 1 << 16;

    /// <summary>Rows that the tower makes of a picture.</summary>
    public int FeatureCount => Tower.Tower.PositionCount;

    /// <summary>Whether it tells how well texts match pictures, and is no half of a model that answers.</summary>
    public static bool IsMatching(GgufFile file) => file.TryGetTensor(MatchTensor, out _);

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static BlipConfig Read(GgufFile file, Preprocessing preprocessing)
    {
        EvaTowerConfig tower = EvaTowerConfig.Read(file);
        BlipTextConfig? text = BlipTextConfig.Read(file, tower.Tower.HiddenSize, preprocessing);
        int vectorWidth = 0;
        if (IsMatching(file))
        {
            if (text is null)
                throw new ModelFileException(file.Path, $"tensor '{BlipTextConfig.TokenTensor}' is missing, so no text can be matched.");
            vectorWidth =
                file.TryGetTensor(VectorTensor, out GgufTensor? vectors)
                && vectors.Shape.Length == 2
                && vectors.Shape[1] is > 0 and <= MaxWidth
                    ? (int)vectors.Shape[1]
                    : throw new ModelFileException(file.Path, $"tensor '{VectorTensor}' is missing, or is no matrix.");
        }

        uint width = file.Metadata.RequireUInt32("clip.vision.projection_dim");
        return width is > 0 and <= MaxWidth
            ? new BlipConfig(tower, text, (int)width, vectorWidth)
            : throw new ModelFileException(file.Path, $"clip.vision.projection_dim is {width}, not within 1 to {MaxWidth}.");
    }
}
