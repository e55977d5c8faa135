using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.Glm4v;

/// <summary>
/// The picture stretched to the tower's input. Its patches all stand at one position, between those of the two ends, however many they are:
/// <code>
/// begin  patches          end
/// p      p + 1 ... p + 1  p + 2
/// </code>
/// Source: THUDM/glm-4v-9b, tokenization_chatglm.py, apply_chat_template; modeling_chatglm.py, ChatGLMModel.forward.
/// </summary>
internal sealed class Glm4vImageProcessor(Glm4vConfig config)
    : SquaredImages(
        config.Tower.ImageSize,
        AspectRatioRule.Stretch,
        config.Tower.ImageMean,
        config.Tower.ImageDeviation,
        [new LayoutSpan("overview", config.PatchTokens + 2) { PositionOffsets = [0, .. Enumerable.Repeat(1, config.PatchTokens), 2] }]
    );
