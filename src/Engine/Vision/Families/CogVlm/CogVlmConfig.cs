using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.CogVlm;

/// <summary>How CogVLM's checkpoints word prompts (their config.json's template_version).</summary>
internal enum CogVlmWording
{
    /// <summary>Question and answer, turn after turn.</summary>
    Chat,

    /// <summary>A question that wants a short answer.</summary>
    ShortAnswer,

    /// <summary>The question as it is: the base models, and the one for grounding.</summary>
    Base,
}

/// <summary>
/// CogVLM and CogVLM2: EVA2-CLIP-E, whose norms stand behind attention and feed-forward, in CogVLM2 a 2 x 2 convolution, a gated
/// connector, and trained embeddings before and behind each picture. Source: THUDM/cogvlm-chat-hf and THUDM/cogvlm2-llama3-chat-19B,
/// visual.py and config.json; arXiv 2311.03079, 2408.16500.
/// </summary>
internal sealed record CogVlmConfig
{
    private const string WordingKey = "clip.cogvlm.wording";

    public required VisionTransformerConfig Tower { get; init; }

    /// <summary>Whether squares of patches are convolved (CogVLM2).</summary>
    public required bool HasConvolution { get; init; }

    /// <summary>Width inside the connector's gated network, which is that of the language model's feed-forward networks.</summary>
    public required int Inner { get; init; }

    /// <summary>Width of an embedding.</summary>
    public required int Outputs { get; init; }

    public required CogVlmWording Wording { get; init; }

    /// <summary>Patches along a side that become embeddings: an odd one at the end is left out by the convolution.</summary>
    public int UsedPatchesPerSide =>
        HasConvolution ? Tower.PatchesPerSide / CogVlmEncoder.Factor * CogVlmEncoder.Factor : Tower.PatchesPerSide;

    /// <summary>Embeddings that patches become; one more stands on each side.</summary>
    public int PatchTokens =>
        HasConvolution ? UsedPatchesPerSide / CogVlmEncoder.Factor * (UsedPatchesPerSide / CogVlmEncoder.Factor) : Tower.PatchCount;

    /// <summary>Whether a file is CogVLM2's.</summary>
    public static bool IsSecond(GgufFile file) => file.TryGetTensor(CogVlmEncoder.Convolution + ".weight", out _);

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static CogVlmConfig Read(GgufFile file)
    {
        // llama.cpp's converter says nothing of the activation, which is the erf form.
        VisionTransformerConfig tower = VisionTransformerConfig.Read(file) with
        {
            NormsFollow = true,
            Activation = Activation.GeluErf,
        };
        if (!tower.HasClassToken)
            throw new ModelFileException(file.Path, "tensor 'v.class_embd' is missing, which EVA2-CLIP-E needs.");
        bool hasConvolution = IsSecond(file);
        if (hasConvolution && tower.PatchesPerSide < CogVlmEncoder.Factor)
            throw new ModelFileException(file.Path, "clip.vision.image_size makes one patch along a side, too few for the convolution.");
        if (
            hasConvolution
            && MlpConnectorConfig.OutputCount(
                file,
                CogVlmEncoder.Convolution + ".weight",
                tower.HiddenSize * CogVlmEncoder.Factor * CogVlmEncoder.Factor
            ) != tower.HiddenSize
        )
            throw new ModelFileException(
                file.Path,
                $"tensor '{CogVlmEncoder.Convolution}.weight' does not lead to {tower.HiddenSize} channels, as many as the tower has."
            );
        GatedConnectorNames names = GatedConnectorNames.CogVlm;
        int width = MlpConnectorConfig.OutputCount(file, names.Project + ".weight", tower.HiddenSize);
        return new CogVlmConfig
        {
            Tower = tower,
            HasConvolution = hasConvolution,
            Outputs = width,
            Inner = MlpConnectorConfig.OutputCount(file, names.Gate + ".weight", width),
            Wording = ReadWording(file),
        };
    }

    private static CogVlmWording ReadWording(GgufFile file)
    {
        if (!file.Metadata.TryGetString(WordingKey, out string? name))
            return CogVlmWording.Chat;
        return name switch
        {
            "chat" => CogVlmWording.Chat,
            "vqa" => CogVlmWording.ShortAnswer,
            "base" => CogVlmWording.Base,
            _ => throw new ModelFileException(file.Path, $"{WordingKey} is '{name}', none of chat, vqa, base."),
        };
    }
}
