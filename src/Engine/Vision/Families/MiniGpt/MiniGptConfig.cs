using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.MiniGpt;

/// <summary>Which of the authors' conversations the model was made for.</summary>
internal enum MiniGptWording
{
    /// <summary>MiniGPT-4 with Vicuna v0.</summary>
    Vicuna,

    /// <summary>MiniGPT-4 with Llama 2 chat.</summary>
    Llama2,

    /// <summary>MiniGPT-v2.</summary>
    Version2,
}

/// <summary>
/// MiniGPT-4 and MiniGPT-v2: EVA-CLIP's ViT-g and one linear layer, which takes a Q-Former's rows (Vicuna) or four of the tower's tokens
/// at a time (Llama 2, v2). Source: Vision-CAIR/MiniGPT-4, minigpt4/models/minigpt4.py and minigpt_v2.py; arXiv 2304.10592, 2310.09478.
/// </summary>
/// <param name="Tower">The tower.</param>
/// <param name="QFormer">The Q-Former; null where the tower's tokens are taken as they are.</param>
/// <param name="Outputs">Width of an embedding.</param>
/// <param name="Wording">How it is asked.</param>
internal sealed record MiniGptConfig(EvaTowerConfig Tower, QFormerConfig? QFormer, int Outputs, MiniGptWording Wording)
{
    /// <summary>Tokens of the tower that become one, where there is no Q-Former.</summary>
    public const int TokensPerRow = 4;

    private const string WordingKey = "clip.minigpt.wording";

    /// <summary>Embeddings of a picture.</summary>
    public int RowCount => QFormer?.QueryCount ?? Tower.Tower.PatchCount / TokensPerRow;

    /// <summary>Width of what becomes an embedding.</summary>
    public int Inputs => QFormer?.Width ?? Tower.Tower.HiddenSize * TokensPerRow;

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static MiniGptConfig Read(GgufFile file)
    {
        EvaTowerConfig tower = EvaTowerConfig.Read(file);
        QFormerConfig? former = file.TryGetTensor("qformer.query", out _) ? QFormerConfig.Read(file, tower.Tower.HiddenSize) : null;
        if (former is null && tower.Tower.PatchCount % TokensPerRow != 0)
            throw new ModelFileException(
                file.Path,
                $"its tower makes {tower.Tower.PatchCount} tokens of a picture, no multiple of the {TokensPerRow} that become one."
            );
        int inputs = former?.Width ?? tower.Tower.HiddenSize * TokensPerRow;
        return new MiniGptConfig(
            tower,
            former,
            MlpConnectorConfig.OutputCount(file, "mm.0.weight", inputs),
            ReadWording(file, former is not null)
        );
    }

    private static MiniGptWording ReadWording(GgufFile file, bool hasQFormer)
    {
        if (!file.Metadata.TryGetString(WordingKey, out string? wording))
            return hasQFormer ? MiniGptWording.Vicuna : MiniGptWording.Llama2;
        return wording switch
        {
            "vicuna" => MiniGptWording.Vicuna,
            "llama2" => MiniGptWording.Llama2,
            "v2" => MiniGptWording.Version2,
            _ => throw new ModelFileException(file.Path, $"{WordingKey} is '{wording}'; vicuna, llama2 and v2 are known."),
        };
    }
}
